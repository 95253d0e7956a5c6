// Ops that look at whole windows in ascending order.
#include "part.hpp"
#include "survey_order.hpp"

namespace tilepool {
namespace {

struct Rows {
  template <class T, class O>
  static constexpr SurveyRows of = survey_order<T, O>;
};
constexpr Surveys filled = surveys_of<Rows>();
constexpr Kernels orders = Filler{}.with(&Kernels::orders, filled).kernels;

}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(orders, orders)
