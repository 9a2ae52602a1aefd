/*
 * Functions that the static libstdc++ and libgcc of a current GCC need and that glibc 2.28, the oldest that Node.js runs on, lacks.
 * Only prebuilt addons contain them (INCACHE_PREBUILT).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* In glibc since 2.32; 0 means that there may be other threads, so reference counts stay atomic. */
HIDDEN extern char __libc_single_threaded;
char __libc_single_threaded = 0;

/* In glibc since 2.33; on 64-bit machines the kernel's struct is the same as C's. */
HIDDEN int fstat64(int file, void *result);
int fstat64(int file, void *result) { return (int)syscall(SYS_fstat, file, result); }

/* In glibc since 2.36. */
HIDDEN uint32_t arc4random(void);
uint32_t arc4random(void) {
  uint32_t value;
  if (getentropy(&value, sizeof value) != 0) abort();
  return value;
}

struct search {
  uintptr_t address;
  struct dl_find_object *result;
};

static int look(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  const struct search *search = data;
  void *frames = NULL;
  int found = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    const uintptr_t start = info->dlpi_addr + segment->p_vaddr;
    if (segment->p_type == PT_GNU_EH_FRAME) frames = (void *)start;
    if (segment->p_type != PT_LOAD || search->address < start || search->address - start >= segment->p_memsz) continue;
    found = 1;
    search->result->dlfo_map_start = (void *)start;
    search->result->dlfo_map_end = (void *)(start + segment->p_memsz);
  }
  if (!found || !frames) return 0;
  search->result->dlfo_eh_frame = frames;
  return 1;
}

/* In glibc since 2.35: finds the exception-unwinding tables of the object that contains `address`. */
HIDDEN int _dl_find_object(void *address, struct dl_find_object *result);
int _dl_find_object(void *address, struct dl_find_object *result) {
  struct search search = {(uintptr_t)address, result};
  result->dlfo_flags = 0;
  result->dlfo_link_map = NULL;
  return dl_iterate_phdr(look, &search) == 1 ? 0 : -1;
}
