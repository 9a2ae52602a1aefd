// Prints the processor quota of a system whose files are below the given folder. test/native/processors.test.ts compares it with
// what TypeScript reads.
#include "../cpu/processors.h"

#include <cstdio>

int main(int count, char **arguments) {
  if (count != 2) return 2;
  std::printf("%g", incache::processorQuota(arguments[1]));
}
