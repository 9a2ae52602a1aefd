// Threads that take tasks, and park when there are none.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "placement.h"

namespace incache {

class Pool {
 public:
  // What to do if the system does not start all threads: throw an Error that says how many it started, or go on with fewer.
  enum class Missing { refused, accepted };

  // `threads` includes the calling thread.
  explicit Pool(int64_t threads, Missing missing = Missing::refused);
  ~Pool();
  int64_t threads() const { return static_cast<int64_t>(workers_.size()) + 1; }

  // Runs work(task, thread) for every task from 0 to tasks - 1; returns when all have ended. `work` must not throw.
  // One caller at a time.
  template <class Work>
  void run(int64_t tasks, const Work &work) {
    const auto call = [](const void *context, int64_t task, int64_t thread) { (*static_cast<const Work *>(context))(task, thread); };
    runJob({call, &work}, tasks);
  }

 private:
  struct Job {
    void (*call)(const void *, int64_t task, int64_t thread);
    const void *context;
  };

  struct Worker {
    std::thread thread;
    bool isIdle = false;
    // Whether this thread was ever woken on the caller's processor. Some schedulers put both there although another one is
    // idle (in virtual machines, to leave virtual processors asleep), and balance the load only after some milliseconds, which
    // is longer than most operations.
    bool crowds = false;
    // Used by the caller while this thread is idle, otherwise by this thread.
    Placement placement;
  };

  std::vector<Worker> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Job job_{};
  // The number of the job in the upper half, the tasks that nobody has taken yet in the lower. A thread takes a task by
  // counting that down. A thread that comes late finds another number or no task, and never touches a job that has ended.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int64_t> unfinished_{0};
  std::atomic<bool> stop_{false};
  // Where the caller ran when it started the last job.
  int callersProcessor_ = -1;

  void runJob(Job job, int64_t tasks);
  void stopWorkers();
  void placeIdle();
  uint64_t currentJob() const;
  void work(int64_t thread);
  bool isCalled(uint64_t lastJob) const;
  void idle(Worker &worker, uint64_t lastJob);
  void takeTasks(int64_t thread);
};

}  // namespace incache
