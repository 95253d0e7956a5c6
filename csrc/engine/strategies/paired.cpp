// Paired: max and min that tell where, of windows that slide and overlap: pairs of a key and its place are
// accumulators, of which rows are pooled along themselves, then down the columns of a block, then through planes.
#include "../pairs.hpp"
#include "walker.hpp"

namespace tilepool {
namespace {

class Paired : public Walker {
 public:
  Paired(const by::Paired& numbers, const Call& call, const Share& share)
      : Walker(call, share),
        block_rows_(numbers.rows),
        pairs_(*kernel_.pairs),
        bits_(key_bits_of(form_.op, form_.dtype)),
        size_(info_of(form_.dtype).size),
        lane_(pair_lane(form_)),
        indices_(static_cast<char*>(call.indices)),
        index_size_(form_.wide_indices ? 8 : 4) {}

  void enter_tile() {
    const RowTile& tile = cursor_.tile();
    const NormalAxis &row = schedule_.row, &column = schedule_.column;
    const std::int64_t inner = schedule_.inner, outputs = tile.spans.back().end * inner;
    row_ = {tile.before * inner, cursor_.elements(), tile.along.width * inner};
    made_pitch_ = in_lanes(row_.width);
    pitch_ = row.windows.stride() == 1 ? made_pitch_ : in_lanes(outputs);
    along_ = pair_steps(row.windows, row.windows.step() * inner, cursor_.tap_step(row).index);
    down_ = pair_steps(column.windows, column.windows.step() * pitch_, cursor_.tap_step(column).index);

    // Short rows are pooled along themselves together: they lie in half a first-level cache.
    constexpr std::int64_t together_bytes = 16 << 10;
    together_ = std::clamp<std::int64_t>(together_bytes / (2 * made_pitch_ * lane_), 1, block_rows_);
    const std::int64_t made = together_ * made_pitch_ * lane_, block = block_rows_ * pitch_ * lane_;
    const bool several = rows_seen() > taps_of(column);
    const std::int64_t beside = several ? block : 0, elements = prepares() ? cursor_.elements() * size_ : 0;
    const std::array<char*, 9> memory =
        reserve_bytes<9>({made, made, block, block, beside, beside, outputs * lane_, outputs * lane_, elements});
    made_ = {memory[0], memory[1]};
    block_ = {memory[2], memory[3]};
    planes_ = {memory[4], memory[5]};
    firsts_ = memory[6];
    origins_ = memory[7];
    element_ = memory[8];
    number_outputs(outputs);
  }

  void pool(std::int64_t from, std::int64_t to) {
    const Windows& windows = schedule_.column.windows;
    const std::int64_t fitting = (block_rows_ - windows.extent(1)) / windows.stride() + 1;
    for (std::int64_t o = from, end; o < to; o = end) {
      end = o + 1;
      if (windows.at(o).count == 0) {
        pool_nothing(o, end);
        continue;
      }
      while (end < std::min(to, o + fitting) && windows.at(end).count > 0) ++end;
      pool_block(o, end);
    }
  }

  void pool_nothing(std::int64_t from, std::int64_t to) {
    const Indexing indexing{nullptr, nullptr, 0, 0, 0, 0, form_.far_indices, form_.wide_indices, nullptr, {}};
    for (std::int64_t o = from; o < to; ++o) {
      Indexing there = indexing;
      there.out = index_at(o);
      kernel_.pick_rows(form_.op, form_.dtype, cursor_.tile().along, nullptr, 0, there, cursor_.target(o), {});
    }
  }

 private:
  /// Keys, and their places in another array.
  struct Arrays {
    char *keys, *places;
    Arrays behind(std::int64_t bytes) const { return {keys + bytes, places + bytes}; }
  };

  std::int64_t in_lanes(std::int64_t n) const { return pitch_of(n * lane_) / lane_; }
  static std::int64_t taps_of(const NormalAxis& axis) { return std::min(axis.windows.kernel(), axis.windows.input()); }
  char* index_at(std::int64_t o) const { return indices_ + cursor_.elements_before(o) * index_size_; }
  bool counts_taps() const { return form_.indices == Indices::of_taps; }

  /// Of each output of a tile its place among them, and the place of its first tap that there is.
  void number_outputs(std::int64_t n) {
    const NormalAxis& row = schedule_.row;
    const std::int64_t inner = schedule_.inner, begin = cursor_.tile().output_begin;
    const std::int64_t further = counts_taps() ? 0 : row.weight * row.windows.stride();
    const std::int64_t element = counts_taps() ? 0 : schedule_.inner_weight;
    for (std::int64_t o = 0; o < n / inner; ++o) {
      const std::int64_t first = missing(row, begin + o);
      for (std::int64_t e = 0; e < inner; ++e) {
        put_lane(origins_, o * inner + e, o * further + e * element);
        put_lane(firsts_, o * inner + e, first);
      }
    }
  }
  void put_lane(char* lanes, std::int64_t i, std::int64_t value) const {
    if (lane_ == 8) {
      reinterpret_cast<std::int64_t*>(lanes)[i] = value;
    } else {
      reinterpret_cast<std::int32_t*>(lanes)[i] = static_cast<std::int32_t>(value);
    }
  }
  /// The place of the first tap that there is in a window.
  std::int64_t missing(const NormalAxis& axis, std::int64_t o) const {
    const Windows& windows = axis.windows;
    return (windows.at(o).first - windows.start(o)) / windows.step() * cursor_.tap_step(axis).index;
  }

  void pool_block(std::int64_t from, std::int64_t to) {
    const std::int64_t planes = cursor_.taps().count(), first = cursor_.taps().first().index;
    std::int64_t plane = 0;
    cursor_.taps().each([&](const Place& place) {
      const Arrays& block = planes > 1 && plane == 0 ? planes_ : block_;
      make_rows(block, place, from, to);
      pool_columns(block, from, to, planes == 1);
      if (plane++ == 0) return;
      const std::int64_t apart = (block_.keys - planes_.keys) / lane_;  // that of places, too
      const std::int64_t rows = (to - from - 1) * schedule_.column.windows.stride() + 1;
      combine(planes_, planes_, planes_.places, rows * pitch_, {2, 1, 1, apart, place.index - first});
    });
    put(planes > 1 ? planes_ : block_, from, to, planes == 1);
  }

  /// All rows that some outputs see, pooled along themselves.
  void make_rows(const Arrays& block, const Place& place, std::int64_t from, std::int64_t to) {
    const Windows& windows = schedule_.column.windows;
    const std::int64_t start = windows.start(from), stop = windows.stop(to - 1);
    const std::int64_t first = std::max<std::int64_t>(0, start), last = std::min(windows.input(), stop);
    const std::int64_t input_stride = schedule_.column.input_stride;
    fill(block.keys, (first - start) * pitch_);
    for (std::int64_t r = first, next; r < last; r = next) {
      next = std::min(last, r + together_);
      const char* const from_row = cursor_.at(place) + r * input_stride;
      if (prepares()) {
        for (std::int64_t i = 0; i < next - r; ++i) {
          maker_.make(element_, from_row + i * input_stride, cursor_.elements());
          pairs_.make_keys(made_.keys + i * made_pitch_ * lane_, element_, row_, {}, bits_);
        }
      } else {
        pairs_.make_keys(made_.keys, from_row, row_, {next - r, input_stride, made_pitch_}, bits_);
      }
      pool_rows(block.behind((r - start) * pitch_ * lane_), next - r);
    }
    fill(block.keys + (last - start) * pitch_ * lane_, (stop - last) * pitch_);
  }

  void fill(char* keys, std::int64_t n) const {
    if (n > 0) pairs_.make_keys(keys, nullptr, {n, 0, n}, {}, bits_);
  }

  /// The rows of `made_` along themselves.
  void pool_rows(const Arrays& to, std::int64_t rows) {
    const Windows& windows = schedule_.row.windows;
    const std::int64_t inner = schedule_.inner, stride = windows.stride();
    std::int64_t n = (rows - 1) * made_pitch_ + row_.width;
    for (const PairTaps& taps : along_) {
      const bool is_first = &taps == &along_.front(), is_last = &taps == &along_.back();
      n -= taps.last * taps.distance;
      combine(is_last && stride == 1 ? to : made_, made_, is_first ? nullptr : made_.places, n, taps);
    }
    patience_.spend(rows * row_.width * (2 + static_cast<std::int64_t>(along_.size())));
    if (stride == 1) return;
    for (std::int64_t i = 0; i < rows; ++i) {
      const Arrays there = to.behind(i * pitch_ * lane_), here = made_.behind(i * made_pitch_ * lane_);
      pairs_.thin(there.keys, there.places, here.keys, here.places, cursor_.tile().spans.back().end, stride, inner);
    }
  }

  /// The rows of a block down its columns; the last step may be left to `put`.
  void pool_columns(const Arrays& block, std::int64_t from, std::int64_t to, bool but_last) {
    const Windows& windows = schedule_.column.windows;
    std::int64_t n = (windows.stop(to - 1) - windows.start(from)) * pitch_;
    for (std::size_t i = 0; i + (but_last ? 1 : 0) < down_.size(); ++i) {
      n -= down_[i].last * down_[i].distance;
      combine(block, block, block.places, n, down_[i]);
      patience_.spend(n * down_[i].count);
    }
  }

  void combine(const Arrays& to, const Arrays& from, const char* places, std::int64_t n, const PairTaps& taps) const {
    pairs_.combine(to.keys, to.places, from.keys, places, n, taps, bits_);
  }

  /// Writes outputs, whose windows start at the rows of a block, after the last step down the columns or not: some
  /// columns of a few rows at a time, so that the next ones find in the first-level cache what they share.
  void put(const Arrays& block, std::int64_t from, std::int64_t to, bool last_step) {
    constexpr std::int64_t most_lanes = 256;
    const NormalAxis &row = schedule_.row, &column = schedule_.column;
    const Windows& windows = column.windows;
    const std::int64_t begin = cursor_.tile().output_begin, n = cursor_.tile().spans.back().end * schedule_.inner;
    const std::int64_t stride = windows.stride() * pitch_, strip = std::min(n, most_lanes);
    const std::int64_t together = stride > pitch_ ? 1 : std::clamp<std::int64_t>(most_lanes / pitch_, 1, together_);
    const auto first_index = [&](const NormalAxis& axis, std::int64_t o) {
      return cursor_.first_tap(axis, o, {axis.windows.start(o), 0, 0}).index;
    };
    const PairTaps& taps = down_.back();
    const bool combines = last_step && taps.count > 1;
    PairPut there{firsts_,
                  origins_,
                  0,
                  0,
                  counts_taps() ? 0 : column.weight * windows.stride(),
                  form_.wide_indices,
                  nullptr,
                  nullptr,
                  column.result_stride / size_ * index_size_};
    for (std::int64_t c = 0; c < n; c += strip) {
      const std::int64_t width = std::min(strip, n - c);
      there.firsts = firsts_ + c * lane_;
      there.origins = origins_ + c * lane_;
      for (std::int64_t o = from, end; o < to; o = end) {
        there.first_row = missing(column, o);
        for (end = o + 1; end < std::min(to, o + together) && missing(column, end) == there.first_row;) ++end;
        there.base = cursor_.taps().first().index + first_index(column, o) + first_index(row, begin);
        there.values = cursor_.target(o) + c * size_;
        there.indices = index_at(o) + c * index_size_;
        Arrays rows = block.behind(((o - from) * stride + c) * lane_);
        if (combines) {
          combine(made_, rows, rows.places, (end - o - 1) * pitch_ + width, taps);
          rows = made_;
        }
        pairs_.put(rows.keys, rows.places, width, there, {end - o, combines ? pitch_ : stride, column.result_stride},
                   bits_);
        patience_.spend((end - o) * width * (1 + taps.count));
      }
    }
  }

  const std::int64_t block_rows_;
  const PairLoops& pairs_;
  const KeyBits bits_;
  const std::int64_t size_, lane_;  // bytes of an element, and of a key or a place
  char* const indices_;
  const std::int64_t index_size_;
  PairRow row_{};
  std::int64_t made_pitch_ = 0, pitch_ = 0;  // lanes from row to row: as they are made, and of a block
  std::int64_t together_ = 1;
  std::vector<PairTaps> along_, down_;
  Arrays made_{}, block_{}, planes_{};  // planes: what has been seen of several
  char *firsts_ = nullptr, *origins_ = nullptr;
  char* element_ = nullptr;  // a row of elements that are made
};

}  // namespace

void run(const by::Paired& numbers, const Call& call, Share& share) {
  walk(Paired(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
