// Gaussian soft-NMS as one writes it down: take the best, swap it to the front, lower the others,
// drop what falls below the least score. benchmarks/nms.py compares with it.

#include <algorithm>
#include <cmath>
#include <vector>

namespace {
struct Segment {
    double start, end, score;
    long number;
};
}  // namespace

// Writes at most `top` picks and their scores, best first; how many. All segments are gone through
// when `early` is 0, as published code does; else it stops after `top` picks.
extern "C" long soft_nms(const double* start, const double* end, const double* score, long count,
                         double sigma, double min_score, long top, int early, long* kept,
                         double* kept_score) {
    std::vector<Segment> left(count);
    for (long i = 0; i < count; ++i) left[i] = {start[i], end[i], score[i], i};
    std::vector<Segment> done;
    while (!left.empty()) {
        if (early && static_cast<long>(done.size()) == top) break;
        std::size_t best = 0;
        for (std::size_t i = 1; i < left.size(); ++i) {
            // of equal scores the one that comes first in the input
            if (left[i].score > left[best].score ||
                (left[i].score == left[best].score && left[i].number < left[best].number))
                best = i;
        }
        const Segment one = left[best];
        if (one.score < min_score) break;
        done.push_back(one);
        left[best] = left.back();
        left.pop_back();
        for (std::size_t i = 0; i < left.size();) {
            Segment& other = left[i];
            const double shared =
                std::max(std::min(one.end, other.end) - std::max(one.start, other.start), 0.0);
            const double whole = (one.end - one.start) + (other.end - other.start) - shared;
            const double tiou = whole > 0 ? shared / whole : 0;
            other.score *= std::exp(-(tiou * tiou) / sigma);
            if (other.score < min_score) {
                other = left.back();
                left.pop_back();
            } else {
                ++i;
            }
        }
    }
    const long found = std::min(top, static_cast<long>(done.size()));
    for (long k = 0; k < found; ++k) {
        kept[k] = done[k].number;
        kept_score[k] = done[k].score;
    }
    return found;
}
