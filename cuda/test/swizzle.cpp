// The maps that kernels are built on, without any kernel: where pieces lie in shared memory, and which tile is whose.
#include "../common/swizzle.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../linear/tiles.h"

using namespace incache::cuda;

namespace {

void expect(bool fact, const char *what, int64_t a, int64_t b) {
  if (fact) return;
  std::fprintf(stderr, "failed: %s (%lld, %lld)\n", what, static_cast<long long>(a), static_cast<long long>(b));
  std::exit(1);
}

template <class Tile>
void checkBijection() {
  constexpr int kRows = 32;
  std::vector<int> hits(Tile::bytes(kRows) / kPieceBytes);
  for (int row = 0; row < kRows; row++)
    for (int piece = 0; piece < Tile::kPieces; piece++) {
      const int offset = Tile::offsetOf(row, piece);
      expect(offset % kPieceBytes == 0 && offset >= Tile::bytes(row) && offset < Tile::bytes(row + 1), "a piece leaves its row", row, piece);
      hits[offset / kPieceBytes]++;
      expect(Tile::elementOffset(row, piece * kPieceElements + 3) == offset + 6, "an element leaves its piece", row, piece);
      expect(Tile::offsetOf(row + kSwizzlePeriod, piece) == offset + Tile::bytes(kSwizzlePeriod), "the pattern does not repeat", row, piece);
    }
  for (size_t i = 0; i < hits.size(); i++) expect(hits[i] == 1, "pieces share a place", static_cast<int64_t>(i), hits[i]);
}

// The eight rows that loadMatrix4 reads together have to lie in different sixteenths of 128 bytes.
template <class Tile>
void checkBanks(RowPiece (*fragment)(int lane)) {
  for (int first = 0; first + 1 < Tile::kPieces; first++)
    for (int matrix = 0; matrix < 4; matrix++) {
      unsigned used = 0;
      for (int j = 0; j < 8; j++) {
        const RowPiece at = fragment(8 * matrix + j);
        used |= 1u << Tile::offsetOf(at.row, first + at.piece) / kPieceBytes % 8;
      }
      expect(used == 0xff, "rows of a matrix share banks", Tile::kColumns, first);
    }
}

// So do eight neighbouring threads that copy 16 bytes each, as many threads a row as it has pieces.
template <class Tile>
void checkCopies() {
  for (int group = 0; group < 4 * Tile::kPieces; group++) {
    unsigned used = 0;
    for (int thread = 8 * group; thread < 8 * group + 8; thread++)
      used |= 1u << Tile::offsetOf(thread / Tile::kPieces, thread % Tile::kPieces) / kPieceBytes % 8;
    expect(used == 0xff, "copied pieces share banks", Tile::kColumns, group);
  }
}

template <int Columns>
void checkTile() {
  using Tile = SwizzledTile<Columns>;
  checkBijection<Tile>();
  checkBanks<Tile>([](int lane) { return leftFragment(lane); });
  checkBanks<Tile>([](int lane) { return rightFragment(lane); });
  checkBanks<Tile>([](int lane) { return transposedFragment(lane); });
  if (Tile::kPlaces == Tile::kPieces) checkCopies<Tile>();
}

// The four matrices of a fragment are the quarters of 16 x 16, in the order of its registers.
void checkFragments() {
  for (int lane = 0; lane < 32; lane++) {
    const RowPiece left = leftFragment(lane), right = rightFragment(lane), transposed = transposedFragment(lane);
    const int matrix = lane / 8, row = lane % 8;
    expect(left.row == row + matrix % 2 * 8 && left.piece == matrix / 2, "left fragment", lane, left.row);
    expect(right.row == row + matrix / 2 * 8 && right.piece == matrix % 2, "right fragment", lane, right.row);
    expect(transposed.row == row + matrix % 2 * 8 && transposed.piece == matrix / 2, "transposed fragment", lane, transposed.row);
  }
}

// What the manual of the tensor copy engine says of its swizzles: bits 4 and on of an address, exclusive-ored with bits 7 and on.
template <int Columns>
void checkCopyEngine(int bits) {
  using Tile = SwizzledTile<Columns>;
  for (int row = 0; row < 64; row++)
    for (int piece = 0; piece < Tile::kPieces; piece++) {
      const int plain = row * Tile::kRowBytes + piece * kPieceBytes, mask = (1 << bits) - 1;
      expect(Tile::offsetOf(row, piece) == (plain ^ (plain >> 7 & mask) << 4), "the copy engine's swizzle", row, piece);
    }
}

// A block of the least device of each generation, and as many as the shape counts on at once; 1 KB of each block is the system's.
template <class Shape>
void checkBudget() {
  constexpr int kBlockBytes = 99 << 10, kSm80 = 164 << 10, kSm90 = 228 << 10, kReserved = 1 << 10;
  expect(Shape::kSharedBytes <= kBlockBytes, "a block's shared memory", Shape::kRows, Shape::kColumns);
  expect(Shape::kBlocks * (Shape::kSharedBytes + kReserved) <= kSm80, "blocks of an sm_80 multiprocessor", Shape::kRows, Shape::kColumns);
  expect(Shape::kBlocks * (Shape::kSharedBytes + kReserved) <= kSm90, "blocks of an sm_90 multiprocessor", Shape::kRows, Shape::kColumns);
  expect(Shape::kThreads * Shape::kBlocks <= 1024, "threads of a multiprocessor", Shape::kRows, Shape::kColumns);
}

// Eight-byte stores of sums, half a warp at a time: four rows of four pairs.
template <class Shape>
void checkSumBanks() {
  for (int first = 0; first < 32; first += 16) {
    uint32_t used = 0;
    for (int lane = first; lane < first + 16; lane++) used |= 3u << (lane / 4 * Shape::kSumStride + lane % 4 * 2) % 32;
    expect(used == 0xffffffff, "stores of sums share banks", Shape::kRows, Shape::kColumns);
  }
}

// Each element of the output belongs to exactly one tile, and each of a tile to exactly one warp.
template <class Shape>
void checkCover() {
  for (const int64_t rows : {1, 15, 16, 17, 127, 128, 129, 300})
    for (const int64_t columns : {1, 63, 64, 65, 255, 257}) {
      const TileGrid grid = gridOf(rows, columns, Shape::kRows, Shape::kColumns);
      std::vector<int> hits(static_cast<size_t>(rows * columns));
      for (int64_t tile = 0; tile < grid.count(); tile++)
        for (int warp = 0; warp < Shape::kThreads / 32; warp++)
          for (int i = 0; i < Shape::kWarpRows; i++)
            for (int j = 0; j < Shape::kWarpColumns; j++) {
              const int64_t row = grid.rowOf(tile) * Shape::kRows + warp / Shape::kWarpsAcross * Shape::kWarpRows + i;
              const int64_t column = grid.columnOf(tile) * Shape::kColumns + warp % Shape::kWarpsAcross * Shape::kWarpColumns + j;
              if (row < rows && column < columns) hits[static_cast<size_t>(row * columns + column)]++;
            }
      for (const int hit : hits) expect(hit == 1, "an element is not computed once", rows, columns);
    }
}

template <class Shape>
void checkShape(int place) {
  checkBudget<Shape>();
  checkSumBanks<Shape>();
  checkCover<Shape>();
  expect(kTileSizes[place].rows == Shape::kRows && kTileSizes[place].columns == Shape::kColumns, "the sizes' order", place, Shape::kRows);
}

}  // namespace

int main() {
  checkTile<16>();
  checkTile<32>();
  checkTile<48>();
  checkTile<64>();
  checkTile<72>();
  checkTile<80>();
  checkTile<96>();
  checkTile<128>();
  checkTile<144>();
  checkTile<256>();
  checkFragments();
  checkCopyEngine<16>(1);
  checkCopyEngine<32>(2);
  checkCopyEngine<64>(3);
  checkShape<Tile128x128>(0);
  checkShape<Tile128x64>(1);
  checkShape<Tile64x64>(2);
  checkShape<Tile16x64>(3);
  std::printf("swizzle: passed\n");
  return 0;
}
