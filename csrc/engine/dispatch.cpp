// The list of ISAs, lowest first, each with its table and the CPU features it needs.
#include "dispatch.hpp"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace tilepool {

// The build says which there are (TILEPOOL_ISAS).
extern const Table table_baseline, table_avx2, table_avx512;

namespace {

struct Isa {
  const Table* table;
  bool (*available)();
};

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

const Isa isas[] = {
#ifdef TILEPOOL_HAS_baseline
    {&table_baseline, has_baseline},
#endif
#ifdef TILEPOOL_HAS_avx2
    {&table_avx2, has_avx2},
#endif
#ifdef TILEPOOL_HAS_avx512
    {&table_avx512, has_avx512},
#endif
};

const Table* find(const std::string& name) {
  for (const Isa& isa : isas) {
    if (isa.table->isa == name && isa.available()) return isa.table;
  }
  return nullptr;
}

const Table* best() {
  const Table* table = nullptr;
  for (const Isa& isa : isas) {
    if (isa.available()) table = isa.table;
  }
  if (table == nullptr) {
    std::string message = "this CPU lacks what the kernels of this build need:";
    for (const Isa& isa : isas) message += std::string(" ") + isa.table->isa;
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
  for (const Isa& isa : isas) names.emplace_back(isa.table->isa);
  return names;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : isas) {
    if (isa.available()) names.emplace_back(isa.table->isa);
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
