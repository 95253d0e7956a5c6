// Ops that look at the numbers of whole windows.
#include "part.hpp"
#include "survey_numbers.hpp"

namespace tilepool {
namespace {

struct Rows {
  template <class T, class O>
  static constexpr SurveyRows of = survey_numbers<T, O>;
};
constexpr Surveys filled = surveys_of<Rows>();
constexpr Kernels numbers = Filler{}.with(&Kernels::numbers, filled).kernels;

}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(numbers, numbers)
