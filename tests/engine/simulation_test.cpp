#include "engine/engine_fixture.h"

#include <random>

namespace llm {
namespace {

using namespace std::chrono_literals;
using test::Collector;
using test::EngineTest;
using test::Forcing;
using test::slot_job;

// Random arrivals, lengths, shared beginnings, moved pieces, shifts, saved slots and cancellations;
// every text must be the one that the model says alone, and no page may be lost.
struct Simulation : EngineTest, testing::WithParamInterface<int> {};

TEST_P(Simulation, KeepsEveryTextAndEveryPage) {
  const unsigned seed = 20261125 + static_cast<unsigned>(GetParam());
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  settings = {.slots = 6, .context = 1024, .micro_batch = 48};
  const std::int64_t page = test::fake_layout().page_bytes();
  if (GetParam() > 0)
    settings.cache_ram = std::vector<std::int64_t>{0, 20 * page, -1}[random() % 3];
  if (GetParam() > 1) {
    settings.context = 512;
    settings.context_shift = true;
  }
  start();
  struct Client {
    std::vector<TokenId> prompt;
    int tokens;
    bool cancelled;
    int keep;
    std::shared_ptr<Collector> sink;
  };
  std::vector<Client> clients;
  std::vector<std::unique_ptr<SlotState>> open;
  for (int i = 0; i < (settings.context_shift ? 40 : 150); ++i) {
    Client client;
    client.prompt = prompt(1 + random() % 300, random() % 4);
    client.prompt.resize(1 + random() % client.prompt.size());
    for (unsigned extra = random() % 40; extra > 0; --extra) {
      client.prompt.push_back(static_cast<TokenId>(3 + random() % 200));
    }
    client.tokens = 1 + static_cast<int>(random() % (settings.context_shift ? 500 : 200));
    client.keep = static_cast<int>(random() % 50);
    client.cancelled = random() % 5 == 0;
    client.sink = std::make_shared<Collector>();
    auto r = request(client.prompt, client.tokens);
    r.cache_prompt = random() % 8 != 0;
    r.keep_tokens = client.keep;
    if (GetParam() > 0 && random() % 2 == 0) r.cache_reuse = 1 + static_cast<int>(random() % 60);
    if (i % 3 == 0) {
      r.filter =
          std::make_unique<Forcing>(shifted(client.prompt, client.tokens, client.keep, 0), i % 7);
    }
    if (GetParam() > 0 && random() % 10 == 0) {
      open.clear();
      const int slot = static_cast<int>(random() % 6);
      if (random() % 2 == 0) slot_job(*engine, {.action = SlotJob::Action::erase, .slot = slot});
      open.push_back(slot_job(*engine, {.action = SlotJob::Action::open, .slot = slot}).state);
    }
    const auto handle = engine->submit(std::move(r), client.sink);
    if (client.cancelled) {
      open.clear();  // a sequence may need their pages to get on
      client.sink->wait_for_tokens(random() % 20);
      handle->cancel();
    }
    clients.push_back(std::move(client));
  }
  open.clear();
  for (const Client& client : clients) {
    if (client.cancelled) continue;
    ASSERT_TRUE(client.sink->wait());
    ASSERT_TRUE(client.sink->ended);
    ASSERT_EQ(client.sink->tokens, shifted(client.prompt, client.tokens, client.keep, 0));
  }
  engine->drain(10s);
  const EngineStats stats = engine->stats();
  EXPECT_EQ(stats.pages_used, 0);
  EXPECT_EQ(stats.waiting, 0);
  EXPECT_LE(stats.pages_cached, stats.pages);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, testing::Range(0, 8));

}  // namespace
}  // namespace llm
