#include "core/compress/prune/support/damped_solve.h"

#include "core/base/error.h"
#include "core/linalg/spd_solver.h"

namespace whittle {

Job solve_damped(const CancelFlag& cancel, std::string_view layer, const DampedSystem& system,
                 double ridge, std::vector<double>& solution) {
  constexpr int kAttempts = 6;
  solution.clear();
  for (int attempt = 0; attempt < kAttempts; ++attempt, ridge *= 10) {
    SpdSolver solver(system.matrix(ridge), system.n, system.right, system.rows);
    bool more = true;
    bool definite = true;
    while (more) {
      cancel.poll();
      co_await report_progress("solve", layer);
      try {
        more = solver.advance();
      } catch (const Error& error) {
        if (error.code != Code::INVALID_DATA) throw;
        more = definite = false;
      }
    }
    if (!definite) continue;
    solution.assign(solver.solution().begin(), solver.solution().end());
    co_return;
  }
}

}  // namespace whittle
