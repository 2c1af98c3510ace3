// Requests with different adapters in one batch, the prefix cache beside them, and adapters that
// come and go while requests run.
#include "engine/adapters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "base/error.h"
#include "engine/byte_tokenizer.h"
#include "engine/collector.h"
#include "engine/fake_model.h"
#include "engine/loop.h"
#include "model/adapter_file.h"

namespace llm::test {
namespace {

using Tokens = std::vector<TokenId>;

struct Adapters : testing::Test {
  std::unique_ptr<Tokenizer> tokenizer = byte_tokenizer();
  FakeModel model{kVocab, 4096};
  EngineSettings settings{.slots = 4, .context = 1024, .micro_batch = 64};
  TemporaryFile red_file{"red.gguf"}, blue_file{"blue.gguf"}, late_file{"late.gguf"};
  std::unique_ptr<EngineLoop> engine;

  static constexpr TokenId kInvocation[] = {40, 41, 42};

  void SetUp() override {
    write(red_file, "red");
    write(blue_file, "blue");
    write(late_file, "late", {40, 41, 42});
    engine = std::make_unique<EngineLoop>(
        model, *tokenizer,
        [this](int pages) {
          return std::make_unique<FakePool>(model.kv_layout(quant::Type::f32, quant::Type::f32),
                                            pages);
        },
        settings);
  }

  static void write(const TemporaryFile& file, const std::string& task,
                    std::vector<std::uint32_t> invocation = {}) {
    gguf::Metadata keys = adapter_keys("fake", 1);
    keys.set("adapter.lora.task_name", {task});
    if (!invocation.empty()) {
      keys.set("adapter.alora.invocation_tokens", gguf::array_value(std::move(invocation)));
    }
    write_gguf(file.path(), keys, {});
  }

  int load(const TemporaryFile& file, float scale = 0) {
    return engine->load_adapter(file.path(), scale, "", true);
  }
  AdapterUse use(int id, float scale, int first_position = 0) const {
    for (const AdapterView& view : engine->adapters().list()) {
      if (view.id == id) return {view.adapter, scale, first_position};
    }
    return {};
  }

  static Tokens prompt(int length, int seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    Tokens tokens(static_cast<std::size_t>(length));
    for (TokenId& token : tokens) token = static_cast<TokenId>(50 + random() % (kVocab - 50));
    return tokens;
  }
  static GenerationRequest request(Tokens tokens, int count,
                                   std::optional<std::vector<AdapterScale>> adapters = {}) {
    GenerationRequest r;
    r.prompt = std::move(tokens);
    r.max_tokens = count;
    r.sampling.temperature = 0;
    r.ignore_eos = true;
    r.adapters = std::move(adapters);
    return r;
  }
  std::shared_ptr<Collector> submit(GenerationRequest r) {
    const auto sink = std::make_shared<Collector>();
    engine->submit(std::move(r), sink);
    return sink;
  }

  /// What the model says alone with these adapters.
  Tokens expected(const Tokens& tokens, int count, const std::vector<AdapterUse>& uses) const {
    Tokens history, said;
    const auto add = [&](TokenId token) {
      history.push_back(FakeModel::key(token, static_cast<int>(history.size()), uses));
    };
    for (const TokenId token : tokens) add(token);
    for (int i = 0; i < count; ++i) {
      TokenId token = model.next(history);
      if (tokenizer->is_end_of_generation(token)) token = 0;
      said.push_back(token);
      add(token);
    }
    return said;
  }
};

TEST_F(Adapters, RequestsWithDifferentOnesShareABatch) {
  const int red = load(red_file), blue = load(blue_file);
  model.ms_per_step = 1;
  const Tokens tokens = prompt(100, 1);
  const std::vector<std::vector<AdapterScale>> sets = {
      {{red, "", 1.0f}}, {{blue, "", 0.5f}, {red, "", -1.0f}}, {}, {{red, "", 0.5f}}};
  std::vector<std::shared_ptr<Collector>> sinks;
  for (const auto& set : sets) sinks.push_back(submit(request(tokens, 60, set)));
  const std::vector<std::vector<AdapterUse>> uses = {
      {use(red, 1)}, {use(red, -1), use(blue, 0.5f)}, {}, {use(red, 0.5f)}};
  for (std::size_t i = 0; i < sets.size(); ++i) {
    ASSERT_TRUE(sinks[i]->wait());
    EXPECT_EQ(sinks[i]->tokens, expected(tokens, 60, uses[i])) << i;
  }
  EXPECT_LT(model.steps(), 4 * 50u) << "they did not run one after the other";
}

TEST_F(Adapters, ASlotThatWasComputedWithThemIsNotSavedAsOneWithout) {
  const int red = load(red_file);
  auto with = request(prompt(100, 1), 5, std::vector<AdapterScale>{{red, "", 1.0f}});
  with.slot = 2;
  ASSERT_TRUE(submit(std::move(with))->wait());
  const SlotResult refused = slot_job(*engine, {.action = SlotJob::Action::open, .slot = 2});
  ASSERT_TRUE(refused.error);
  EXPECT_NE(refused.error->message.find("adapters"), std::string::npos);
  EXPECT_EQ(slot_job(*engine, {.action = SlotJob::Action::erase, .slot = 2}).tokens, 104);
  EXPECT_TRUE(slot_job(*engine, {.action = SlotJob::Action::open, .slot = 2}).state);
}

TEST_F(Adapters, PrefixesAreNotSharedBetweenSets) {
  const int red = load(red_file), blue = load(blue_file);
  const Tokens tokens = prompt(100, 2);
  const auto cached = [&](std::vector<AdapterScale> set) {
    const auto sink = submit(request(tokens, 5, std::move(set)));
    EXPECT_TRUE(sink->wait());
    return sink->ended->timings.cached_tokens;
  };
  EXPECT_EQ(cached({}), 0);
  EXPECT_EQ(cached({{red, "", 1.0f}}), 0);
  EXPECT_EQ(cached({{red, "", 0.5f}}), 0);
  EXPECT_EQ(cached({{blue, "", 1.0f}}), 0);
  EXPECT_EQ(cached({{red, "", 1.0f}, {blue, "", 1.0f}}), 0);
  // Their own again, whatever the order in which they are named.
  EXPECT_EQ(cached({}), 99);
  EXPECT_EQ(cached({{red, "", 1.0f}, {blue, "", 0.0f}}), 99);
  EXPECT_EQ(cached({{blue, "", 1.0f}, {red, "", 1.0f}}), 99);
}

TEST_F(Adapters, TheListsScalesCountForRequestsThatSayNothing) {
  const int red = load(red_file, 0.25f);
  const int blue = engine->load_adapter(blue_file.path(), 1.0f, "sea", /*applied=*/false);
  const Tokens tokens = prompt(40, 3);
  const auto says = [&](std::optional<std::vector<AdapterScale>> set = {}) {
    const auto sink = submit(request(tokens, 20, std::move(set)));
    EXPECT_TRUE(sink->wait());
    return sink->tokens;
  };
  EXPECT_EQ(says(), expected(tokens, 20, {use(red, 0.25f)}));
  EXPECT_EQ(says({{{-1, "sea", 2.0f}, {99, "", 1.0f}}}), expected(tokens, 20, {use(blue, 2)}));
  engine->adapters().set_scales(std::vector<AdapterScale>{{blue, "", 0.75f}, {99, "", 1.0f}});
  EXPECT_EQ(says(), expected(tokens, 20, {use(blue, 0.75f)}));
  EXPECT_EQ(engine->adapters().list().front().scale, 0) << "those that are not named are off";
  engine->adapters().set_scales({});
  EXPECT_EQ(says(), expected(tokens, 20, {}));
}

TEST_F(Adapters, ARunningRequestFinishesWithWhatItBeganWith) {
  const int red = load(red_file, 1);
  const std::vector<AdapterUse> before = {use(red, 1)};
  model.ms_per_step = 2;
  const Tokens tokens = prompt(70, 4);
  const auto running = submit(request(tokens, 150));
  ASSERT_TRUE(running->wait_for_tokens(5));
  EXPECT_TRUE(engine->adapters().remove(red));
  EXPECT_FALSE(engine->adapters().remove(red));
  const auto plain = submit(request(tokens, 30));
  // The same file again is another adapter: what the first one computed is not taken for its own.
  const int again = load(red_file, 1);
  EXPECT_GT(again, red);
  const auto later = submit(request(tokens, 30));
  for (const auto& sink : {running, plain, later}) ASSERT_TRUE(sink->wait());
  EXPECT_EQ(running->tokens, expected(tokens, 150, before));
  EXPECT_EQ(plain->tokens, expected(tokens, 30, {}));
  EXPECT_EQ(later->tokens, expected(tokens, 30, before));
  EXPECT_EQ(plain->ended->timings.cached_tokens, 0);
  EXPECT_EQ(later->ended->timings.cached_tokens, 0);
}

TEST_F(Adapters, InvocationTokensSwitchOneOnAndLeaveWhatIsBefore) {
  const int late = load(late_file);
  Tokens tokens = prompt(75, 5);
  tokens.insert(tokens.end(), std::begin(kInvocation), std::end(kInvocation));
  const Tokens first = tokens;  // an earlier place with the same tokens does not count
  const Tokens more = prompt(40, 6);
  tokens.insert(tokens.end(), more.begin(), more.end());
  const int start = static_cast<int>(tokens.size());
  tokens.insert(tokens.end(), std::begin(kInvocation), std::end(kInvocation));
  const std::vector<AdapterScale> set = {{late, "", 1.0f}};

  const auto plain = submit(request(tokens, 20, std::vector<AdapterScale>{}));
  ASSERT_TRUE(plain->wait());
  const auto with = submit(request(tokens, 40, set));
  ASSERT_TRUE(with->wait());
  EXPECT_EQ(with->tokens, expected(tokens, 40, {use(late, 1, start)}));
  EXPECT_NE(with->tokens, expected(tokens, 40, {}));
  EXPECT_EQ(with->ended->timings.cached_tokens, start / compute::kPageTokens * compute::kPageTokens)
      << "the pages before are those of the plain model";
  const auto again = submit(request(tokens, 40, set));
  ASSERT_TRUE(again->wait());
  EXPECT_EQ(again->tokens, with->tokens);
  EXPECT_GT(again->ended->timings.cached_tokens, start);
  // A prompt without them.
  const Tokens other = prompt(50, 7);
  const auto off = submit(request(other, 20, set));
  ASSERT_TRUE(off->wait());
  EXPECT_EQ(off->tokens, expected(other, 20, {}));
  // The same beginning, switched on earlier, on a page of its own kind.
  const auto early = submit(request(first, 20, set));
  ASSERT_TRUE(early->wait());
  EXPECT_EQ(early->tokens, expected(first, 20, {use(late, 1, 75)}));
}

TEST_F(Adapters, OnlyOneMayWaitForInvocationTokens) {
  const int one = load(late_file), two = load(late_file);
  const std::vector<AdapterScale> both = {{one, "", 1.0f}, {two, "", 1.0f}};
  try {
    submit(request(prompt(5, 1), 1, both));
    ADD_FAILURE();
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status, 400);
    EXPECT_EQ(error.param, "lora");
  }
}

TEST_F(Adapters, CountInAShiftedContext) {
  settings.context = 256;
  settings.context_shift = true;
  SetUp();
  const int red = load(red_file), late = load(late_file);
  Tokens tokens = prompt(30, 8);
  tokens.insert(tokens.end(), std::begin(kInvocation), std::end(kInvocation));
  const std::vector<AdapterScale> sets[] = {{{red, "", 1.0f}}, {{late, "", 1.0f}}};
  const std::vector<AdapterUse> uses[] = {{use(red, 1)}, {use(late, 1, 30)}};
  for (int i = 0; i < 2; ++i) {
    GenerationRequest r = request(tokens, 300, sets[i]);
    r.keep_tokens = 10;
    const auto sink = submit(std::move(r));
    ASSERT_TRUE(sink->wait());
    ASSERT_EQ(sink->tokens.size(), 300u);
    // Behind the shift everything is as if the shortened text had been there from the start. The
    // last token is not computed when half of the others goes.
    Tokens all = tokens;
    all.insert(all.end(), sink->tokens.begin(), sink->tokens.begin() + (256 - 33));
    const int keep = 10 + (tokenizer->special().add_bos ? 1 : 0), rest = 255 - keep;
    all.erase(all.begin() + keep, all.begin() + keep + rest / 2);
    std::vector<AdapterUse> moved = uses[i];
    if (moved[0].first_position > 0) moved[0].first_position = keep;
    const Tokens next = expected(all, 20, moved);
    EXPECT_TRUE(std::equal(next.begin(), next.end(), sink->tokens.begin() + (256 - 33))) << i;
  }
}

TEST_F(Adapters, TheListOfAnEngineMovesToTheNext) {
  load(red_file, 1);
  const int blue = load(blue_file, 1);
  ASSERT_TRUE(engine->adapters().remove(0));
  const int late = engine->load_adapter(late_file.path(), 2, "late", true);
  engine->adapters().set_scales(std::vector<AdapterScale>{{.id = blue, .scale = 0.25F}});
  const AdapterRecords records = engine->adapters().records();

  SetUp();  // the files are written again, too
  load(red_file, 1);
  load(blue_file, 1);
  std::filesystem::remove(late_file.path());
  engine->restore_adapters(records);
  std::vector<AdapterView> list = engine->adapters().list();
  ASSERT_EQ(list.size(), 1u) << "one was removed, of one the file has gone";
  EXPECT_EQ(list[0].id, blue);
  EXPECT_EQ(list[0].scale, 0.25F);

  SetUp();
  engine->restore_adapters(records);
  list = engine->adapters().list();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[1].id, late);
  EXPECT_EQ(list[1].name, "late");
  EXPECT_EQ(list[1].adapter->info().task_name, "late");
  EXPECT_EQ(load(red_file), late + 1) << "ids are never used twice";
}

TEST(AdapterContexts, SayWhatAPageDependsOn) {
  EXPECT_EQ(contexts_of({}).of(0), nullptr);
  EXPECT_EQ(contexts_of({}).of(7), nullptr);
}

TEST_F(Adapters, ContextsChangeWithThePage) {
  const int red = load(red_file), late = load(late_file);
  const PageContexts always = contexts_of({use(red, 1)});
  ASSERT_NE(always.of(0), nullptr);
  EXPECT_EQ(*always.of(0), *always.of(9));
  EXPECT_NE(*contexts_of({use(red, 0.5f)}).of(0), *always.of(0));

  const PageContexts both = contexts_of({use(red, 1), use(late, 1, 70)});
  EXPECT_EQ(*both.of(1), *always.of(1));
  EXPECT_NE(*both.of(2), *both.of(1));
  EXPECT_NE(*both.of(2), *both.of(3)) << "a page that is part of both depends on where it changes";
  EXPECT_NE(*contexts_of({use(red, 1), use(late, 1, 71)}).of(2), *both.of(2));
  EXPECT_EQ(contexts_of({use(late, 1, 64)}).of(1), nullptr);
  EXPECT_NE(contexts_of({use(late, 1, 64)}).of(2), nullptr);
}

}  // namespace
}  // namespace llm::test
