// The list of ISAs, lowest first, each with its table and the CPU features it needs.
#include "dispatch.hpp"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace tilepool {

// What the object files of the kernels export: the build lists them in TILEPOOL_PARTS, as TILEPOOL_PART(isa, part).
#define TILEPOOL_PART(isa, part) extern const Kernels kernels_##isa##_##part;
TILEPOOL_PARTS
#undef TILEPOOL_PART

namespace {

struct Part {
  std::string isa;
  const Kernels* kernels;
};
#define TILEPOOL_PART(isa, part) {#isa, &kernels_##isa##_##part},
const Part parts[] = {TILEPOOL_PARTS};
#undef TILEPOOL_PART

#ifdef __x86_64__
/// CPUID says it by a bit that not every compiler has a name for.
bool f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

/// x86-64-v2, as the system's own libraries may be compiled for it, but Python's wheels need not be.
bool has_baseline() { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"); }

bool has_avx2() {
  return has_baseline() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && f16c();
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#else
bool has_baseline() { return true; }
#endif

struct Isa {
  Table table;
  bool (*available)();
};

/// Adds what a part has.
void add(Kernels& kernels, const Kernels& part) {
  const auto take = [](auto& to, auto from) {
    if (from != nullptr) to = from;
  };
  for (int i = 0; i < accumulator_count; ++i) take(kernels.loops[i], part.loops[i]);
  take(kernels.fused, part.fused);
  take(kernels.steps, part.steps);
  take(kernels.picks, part.picks);
  take(kernels.pairs, part.pairs);
  take(kernels.numbers, part.numbers);
  take(kernels.orders, part.orders);
  take(kernels.averages, part.averages);
}

/// Those that were compiled. What one has no kernels for, those of the one below do.
const std::vector<Isa>& isas() {
  static const std::vector<Isa> built = [] {
    const Isa known[] = {
        {{"baseline", {}}, has_baseline},
#ifdef __x86_64__
        {{"avx2", {}}, has_avx2},
        {{"avx512", {}}, has_avx512},
#endif
    };
    std::vector<Isa> result;
    for (Isa isa : known) {
      bool has_parts = false;
      if (!result.empty()) isa.table.kernels = result.back().table.kernels;
      for (const Part& part : parts) {
        if (part.isa != isa.table.isa) continue;
        add(isa.table.kernels, *part.kernels);
        has_parts = true;
      }
      if (has_parts) result.push_back(isa);
    }
    return result;
  }();
  return built;
}

const Table* find(const std::string& name) {
  for (const Isa& isa : isas()) {
    if (isa.table.isa == name && isa.available()) return &isa.table;
  }
  return nullptr;
}

const Table* best() {
  const Table* table = nullptr;
  for (const Isa& isa : isas()) {
    if (isa.available()) table = &isa.table;
  }
  if (table == nullptr) {
    std::string message = "this CPU lacks what the kernels of this build need:";
    for (const Isa& isa : isas()) message += std::string(" ") + isa.table.isa;
    throw std::runtime_error(message);
  }
  return table;
}

const char* asked() {
  const char* name = std::getenv("TILEPOOL_ISA");
  return name == nullptr ? "" : name;
}

std::atomic<const Table*>& active() {
  static std::atomic<const Table*> table = [] {
    const Table* found = find(asked());
    return found != nullptr ? found : best();
  }();
  return table;
}

}  // namespace

const Table& active_table() { return *active().load(std::memory_order_relaxed); }

std::vector<std::string> built_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : isas()) names.emplace_back(isa.table.isa);
  return names;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : isas()) {
    if (isa.available()) names.emplace_back(isa.table.isa);
  }
  return names;
}

std::string set_isa(const std::string& name) {
  const Table* table = find(name);
  if (table == nullptr) {
    std::string message = "the ISA must be one of";
    for (const std::string& known : available_isas()) message += " " + known;
    throw std::invalid_argument(message + ", not " + name);
  }
  return active().exchange(table)->isa;
}

std::string isa_warning() {
  const std::string name = asked();
  if (name.empty() || find(name) != nullptr) return {};
  return "TILEPOOL_ISA=" + name + " is not available on this CPU or in this build; using " + active_table().isa;
}

}  // namespace tilepool
