/* A plan that is good, which tests of misuse spoil. */
#ifndef INCACHE_TEST_MISUSE_H
#define INCACHE_TEST_MISUSE_H

#define BUFFERS \
  "\"buffers\":[{\"name\":\"x\",\"role\":\"input\",\"type\":\"f32\",\"rows\":3,\"columns\":5}," \
  "{\"name\":\"w\",\"role\":\"weight\",\"type\":\"f32\",\"rows\":7,\"columns\":5}," \
  "{\"name\":\"y\",\"role\":\"output\",\"type\":\"f32\",\"rows\":3,\"columns\":7}]"
#define OPS \
  "\"ops\":[{\"layer\":\"l\",\"op\":{\"op\":\"linear\",\"epilogue\":\"none\"," \
  "\"x\":{\"buffer\":0,\"row\":0,\"rows\":3,\"column\":0,\"columns\":5}," \
  "\"weight\":{\"buffer\":1,\"row\":0,\"rows\":7,\"column\":0,\"columns\":5}," \
  "\"out\":{\"buffer\":2,\"row\":0,\"rows\":3,\"column\":0,\"columns\":7}}}]"

static const char *PLAN = "{\"format\":\"incache-plan\",\"version\":1,\"name\":\"one\"," BUFFERS "," OPS "}";

#endif
