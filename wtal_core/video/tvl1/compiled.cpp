// The arithmetic of TV-L1 for a C++ compiler: numba_kernels.py and numba_median.py once more.
//
// The same operations on float32 in the same order give the same bytes as there, on every
// instruction set: vectors run over pixels, never over the terms of a sum. So it must be built
// with -ffp-contract=off (a fused product rounds once where two operations round twice) and
// without -ffast-math; compiled.py knows the flags. Layouts of the arrays are told in levels.py,
// the equations beside their numba form.

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))
#define VECTORS _Pragma("omp simd")

namespace {

constexpr int kLeft = 16;
constexpr int kRim = 4;
constexpr float kCubic = -0.75f;
constexpr float kTiny = std::numeric_limits<float>::epsilon();
constexpr double kCareful = 0.8;

// 16 numbers and four, four pixels of the texture or one; loaded from any address.
typedef float Taps __attribute__((vector_size(64), aligned(4), may_alias));
typedef float Pixel __attribute__((vector_size(16), aligned(4), may_alias));

// As many numbers as a register has: compilers take wider comparisons to pieces.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
typedef float Lanes __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

struct Cell {
  int32_t first;
  float share;
};

inline Cell cell_of(int i, double step, int length) {
  const double at = (i + 0.5) * step - 0.5;
  if (at <= 0) return {0, 0.0f};
  if (at >= length - 1) return {length - 1, 0.0f};
  const int32_t first = static_cast<int32_t>(at);
  return {first, static_cast<float>(at - first)};
}

void locate(const float *__restrict u, int start, int advance, int length, int width,
            int32_t *__restrict cell, float *__restrict w0, float *__restrict w1,
            float *__restrict w2, float *__restrict w3) {
  const float rim = kRim, least = 1 - kRim, most = static_cast<float>(length + 1);
  VECTORS for (int x = 0; x < width; ++x) {
    float at = static_cast<float>(start + x * advance) + u[x];
    at = at > most ? most : at;
    at = at < least ? least : at;
    const int32_t where = static_cast<int32_t>(at + rim);
    const float t = at - (static_cast<float>(where) - rim);
    const float s = 1.0f - t;
    const float first = kCubic * (t * (s * s)), last = kCubic * (s * (t * t));
    const float second = (((kCubic + 2.0f) * t - (kCubic + 3.0f)) * t) * t + 1.0f;
    cell[x] = where;
    w0[x] = first;
    w1[x] = second;
    w2[x] = ((1.0f - first) - last) - second;
    w3[x] = last;
  }
}

inline Taps load_taps(const float *from) { return *reinterpret_cast<const Taps *>(from); }

inline Pixel part(Taps taps, int number) {
  const int k = 4 * number;
  return Pixel{taps[k], taps[k + 1], taps[k + 2], taps[k + 3]};
}

void linearise(const float *__restrict sampled, const float *__restrict prev, int width,
               const float *__restrict u1, const float *__restrict u2, float *__restrict gx,
               float *__restrict gy, float *__restrict ginv, float *__restrict rho) {
  VECTORS for (int x = 0; x < width; ++x) {
    const float ix = sampled[4 * x + 1], iy = sampled[4 * x + 2];
    const float square = ix * ix + iy * iy;
    gx[x] = ix;
    gy[x] = iy;
    ginv[x] = square > kTiny ? 1.0f / square : 0.0f;
    rho[x] = (sampled[4 * x] - (ix * u1[x] + iy * u2[x])) - prev[x];
  }
}

void primal_row(int width, float *__restrict u1, float *__restrict u2,
                const float *__restrict p11, const float *__restrict p12,
                const float *__restrict p12_up, const float *__restrict p21,
                const float *__restrict p22, const float *__restrict p22_up,
                const float *__restrict gx, const float *__restrict gy,
                const float *__restrict ginv, const float *__restrict rho,
                float *__restrict change, float theta, float reach) {
  VECTORS for (int x = 0; x < width; ++x) {
    const float a = u1[x], b = u2[x];
    float step = (rho[x] + (gx[x] * a + gy[x] * b)) * ginv[x];
    step = step > reach ? reach : step;
    step = step < -reach ? -reach : step;
    const float div1 = (p11[x] - p11[x - 1]) + (p12[x] - p12_up[x]);
    const float div2 = (p21[x] - p21[x - 1]) + (p22[x] - p22_up[x]);
    const float new_a = (a - step * gx[x]) + theta * div1;
    const float new_b = (b - step * gy[x]) + theta * div2;
    const float da = new_a - a, db = new_b - b;
    change[x] += da * da + db * db;
    u1[x] = new_a;
    u2[x] = new_b;
  }
  u1[width] = u1[width - 1];
  u2[width] = u2[width - 1];
}

void dual_row(int width, const float *__restrict u1, const float *__restrict u1_below,
              const float *__restrict u2, const float *__restrict u2_below,
              float *__restrict p11, float *__restrict p12, float *__restrict p21,
              float *__restrict p22, float taut) {
  VECTORS for (int x = 0; x < width; ++x) {
    const float ax = u1[x + 1] - u1[x], ay = u1_below[x] - u1[x];
    const float bx = u2[x + 1] - u2[x], by = u2_below[x] - u2[x];
    const float a = 1.0f + taut * std::sqrt(ax * ax + ay * ay);
    const float b = 1.0f + taut * std::sqrt(bx * bx + by * by);
    const float both = 1.0f / (a * b);
    const float for_a = both * b, for_b = both * a;
    p11[x] = (p11[x] + taut * ax) * for_a;
    p12[x] = (p12[x] + taut * ay) * for_a;
    p21[x] = (p21[x] + taut * bx) * for_b;
    p22[x] = (p22[x] + taut * by) * for_b;
  }
}

inline Lanes load_lanes(const float *from) { return *reinterpret_cast<const Lanes *>(from); }

inline void store_lanes(float *to, Lanes lanes) { *reinterpret_cast<Lanes *>(to) = lanes; }

inline void order(Lanes &a, Lanes &b) {
  const Lanes low = a < b ? a : b;
  b = a > b ? a : b;
  a = low;
}

inline void sort3(Lanes &a, Lanes &b, Lanes &c) {
  order(a, b);
  order(b, c);
  order(a, b);
}

inline void sort5(Lanes *v) {
  order(v[0], v[1]);
  order(v[3], v[4]);
  order(v[2], v[4]);
  order(v[2], v[3]);
  order(v[1], v[4]);
  order(v[0], v[3]);
  order(v[0], v[2]);
  order(v[1], v[3]);
  order(v[1], v[2]);
}

// Of n numbers neither the least nor the greatest can be the median of these and the n - 3 that
// follow: drop both, take in the next one, until three are left.
template <int n>
inline Lanes median_from(Lanes *v, const Lanes *next) {
  for (int i = 0; i < n / 2; ++i) order(v[i], v[n - 1 - i]);
  for (int i = 1; i < (n + 1) / 2; ++i) order(v[0], v[i]);
  for (int i = n / 2; i < n - 1; ++i) order(v[i], v[n - 1]);
  if constexpr (n == 3) {
    return v[1];
  } else {
    v[n - 1] = *next;
    return median_from<n - 1>(v + 1, next + 1);
  }
}

// Rows are as long as whole vectors, so the last one may run past the picture.
void sort_columns_of_3(const float *const rows[3], int width, float *const out[3]) {
  for (int x = 0; x < width; x += kLanes) {
    Lanes a = load_lanes(rows[0] + x), b = load_lanes(rows[1] + x), c = load_lanes(rows[2] + x);
    sort3(a, b, c);
    store_lanes(out[0] + x, a);
    store_lanes(out[1] + x, b);
    store_lanes(out[2] + x, c);
  }
}

void merge_3(const float *const s[3], int width, float *out) {
  for (int x = 0; x < width; x += kLanes) {
    Lanes v[9];
    for (int k = 0; k < 9; ++k) v[k] = load_lanes(s[k / 3] + x + k % 3);
    // The largest low, the median of the middles and the smallest high.
    order(v[0], v[2]);
    order(v[1], v[2]);
    sort3(v[3], v[4], v[5]);
    order(v[6], v[7]);
    order(v[6], v[8]);
    sort3(v[2], v[4], v[6]);
    store_lanes(out + x, v[4]);
  }
}

void sort_columns_of_5(const float *const rows[5], int width, float *const out[5]) {
  for (int x = 0; x < width; x += kLanes) {
    Lanes v[5];
    for (int k = 0; k < 5; ++k) v[k] = load_lanes(rows[k] + x);
    sort5(v);
    for (int k = 0; k < 5; ++k) store_lanes(out[k] + x, v[k]);
  }
}

void merge_5(const float *const s[5], int width, float *out) {
  for (int x = 0; x < width; x += kLanes) {
    Lanes v[5][5];
    for (int k = 0; k < 5; ++k) {
      for (int i = 0; i < 5; ++i) v[k][i] = load_lanes(s[k] + x + i);
      sort5(v[k]);
    }
    Lanes first[8] = {v[0][3], v[0][4], v[1][2], v[1][3], v[1][4], v[2][1], v[2][2], v[2][3]};
    const Lanes rest[5] = {v[3][0], v[3][1], v[3][2], v[4][0], v[4][1]};
    store_lanes(out + x, median_from<8>(first, rest));
  }
}

}  // namespace

API void resize(const float *source, int64_t source_stride, int height, int width, float *target,
                int64_t target_stride, int target_height, int target_width, double step_y,
                double step_x, float gain) {
  std::vector<int32_t> left(target_width);
  std::vector<float> share(target_width);
  for (int x = 0; x < target_width; ++x) {
    const Cell cell = cell_of(x, step_x, width);
    left[x] = cell.first;
    share[x] = cell.share;
  }
  for (int y = 0; y < target_height; ++y) {
    const Cell cell = cell_of(y, step_y, height);
    const float *upper = source + cell.first * source_stride;
    const float *lower = cell.first + 1 < height ? upper + source_stride : upper;
    float *out = target + y * target_stride;
    for (int x = 0; x < target_width; ++x) {
      const int here = left[x], right = here + 1 < width ? here + 1 : width - 1;
      const float a = upper[here] + share[x] * (upper[right] - upper[here]);
      const float b = lower[here] + share[x] * (lower[right] - lower[here]);
      out[x] = gain * (a + cell.share * (b - a));
    }
  }
}

API void build_texture(const float *image, int64_t stride, int height, int width,
                       float *texture) {
  const int64_t texture_stride = 4 * (width + 2 * kRim);
  for (int y = 0; y < height; ++y) {
    const float *row = image + y * stride;
    const float *above = y > 0 ? row - stride : row;
    const float *below = y < height - 1 ? row + stride : row;
    float *out = texture + (y + kRim) * texture_stride + 4 * kRim;
    for (int x = 0; x < width; ++x, out += 4) {
      out[0] = row[x];
      out[1] = 0.5f * (row[x < width - 1 ? x + 1 : x] - row[x > 0 ? x - 1 : 0]);
      out[2] = 0.5f * (below[x] - above[x]);
    }
  }
}

API void warp(const float *texture, const float *prev, int64_t stride, int height, int width,
              const float *u1, const float *u2, float *gx, float *gy, float *ginv, float *rho,
              int32_t *cell, float *scratch) {
  const int64_t texture_stride = 4 * (width + 2 * kRim);
  float *w = scratch, *sampled = scratch + 8 * stride;  // rows 8 to 11: four numbers a pixel
  for (int y = 0; y < height; ++y) {
    const int64_t at = y * stride;
    locate(u1 + at, 0, 1, width, width, cell, w, w + stride, w + 2 * stride, w + 3 * stride);
    locate(u2 + at, y, 0, height, width, cell + stride, w + 4 * stride, w + 5 * stride,
           w + 6 * stride, w + 7 * stride);
    for (int x = 0; x < width; ++x) {
      const float *a = texture + (cell[stride + x] - 1) * texture_stride + 4 * (cell[x] - 1);
      const float *b = a + texture_stride, *c = b + texture_stride, *d = c + texture_stride;
      const Taps columns =
          (w[4 * stride + x] * load_taps(a) + w[5 * stride + x] * load_taps(b)) +
          (w[6 * stride + x] * load_taps(c) + w[7 * stride + x] * load_taps(d));
      const Pixel pixel = (w[x] * part(columns, 0) + w[stride + x] * part(columns, 1)) +
                          (w[2 * stride + x] * part(columns, 2) + w[3 * stride + x] * part(columns, 3));
      *reinterpret_cast<Pixel *>(sampled + 4 * x) = pixel;
    }
    linearise(sampled, prev + at, width, u1 + at, u2 + at, gx + at, gy + at, ginv + at, rho + at);
  }
}

API void median(const float *source, int64_t stride, int height, int width, int side,
                float *scratch, float *target) {
  const int rim = side / 2;
  float *sorted[5], *inner[5];
  for (int k = 0; k < side; ++k) {
    sorted[k] = scratch + k * stride;
    inner[k] = sorted[k] + rim;
  }
  for (int y = 0; y < height; ++y) {
    const float *rows[5];
    for (int k = 0; k < side; ++k) {
      const int at = y + k - rim;
      rows[k] = source + (at < 0 ? 0 : at < height ? at : height - 1) * stride;
    }
    if (side == 3) {
      sort_columns_of_3(rows, width, inner);
    } else {
      sort_columns_of_5(rows, width, inner);
    }
    for (int k = 0; k < side; ++k) {
      for (int x = 0; x < rim; ++x) {
        sorted[k][x] = sorted[k][rim];
        inner[k][width + x] = inner[k][width - 1];
      }
    }
    float *out = target + y * stride;
    if (side == 3) {
      merge_3(sorted, width, out);
    } else {
      merge_5(sorted, width, out);
    }
  }
}

API void sweep(float *u1, float *u2, int64_t stride, int height, int width, float *p,
               const float *gx, const float *gy, const float *ginv, const float *rho,
               float *change, int count, float taut, float theta, float reach) {
  const int64_t plane = (height + 1) * stride;
  float *p11 = p + kLeft, *p12 = p11 + plane, *p21 = p12 + plane, *p22 = p21 + plane;
  for (int k = 0; k < count; ++k) {
    for (int x = 0; x < width; ++x) change[k * stride + x] = 0.0f;
  }
  for (int step = 0; step < height + count; ++step) {
    for (int k = 0; k < count; ++k) {
      const int y = step - k;
      const int64_t at = y * stride;
      if (0 <= y && y < height) {
        const int64_t dual = at + stride;
        primal_row(width, u1 + at, u2 + at, p11 + dual, p12 + dual, p12 + at, p21 + dual,
                   p22 + dual, p22 + at, gx + at, gy + at, ginv + at, rho + at,
                   change + k * stride, theta, reach);
      }
      if (1 <= y && y <= height) {
        const int64_t here = at - stride, below = y < height ? at : here;
        dual_row(width, u1 + here, u1 + below, u2 + here, u2 + below, p11 + at, p12 + at,
                 p21 + at, p22 + at, taut);
      }
    }
  }
}

API int iterate(float *u1, float *u2, int64_t stride, int height, int width, float *p,
                const float *gx, const float *gy, const float *ginv, const float *rho,
                float *change, int block, int most, double limit, float taut, float theta,
                float reach, double *sum) {
  int done = 0;
  double error = std::numeric_limits<double>::infinity(), before = error;
  while (done < most && error > limit) {
    int count = 1;
    if (before < std::numeric_limits<double>::infinity()) {
      const double shrink = kCareful * (error / before);
      double expected = shrink * error;
      while (count < block && done + count < most && expected > limit) {
        expected *= shrink;
        ++count;
      }
    }
    sweep(u1, u2, stride, height, width, p, gx, gy, ginv, rho, change, count, taut, theta, reach);
    for (int k = 0; k < count; ++k) {
      double total = 0;
      for (int x = 0; x < width; ++x) total += change[k * stride + x];
      before = error;
      error = total;
    }
    done += count;
  }
  *sum = error;
  return done;
}
