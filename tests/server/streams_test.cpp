// Recorded streams: what is kept, who may read it, when a reply that nobody reads ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes.h"
#include "server/chat/oai_chat.h"
#include "server/endpoints.h"
#include "server/streams/store.h"

namespace llm::server {
namespace {

using test::ChatWorld;
using test::FakeExchange;

/// Reads as a coroutine of its own; turn() lets it go as far as there is something.
struct Following {
  explicit Following(std::shared_ptr<StreamReader> which) : reader(std::move(which)) {
    boost::asio::co_spawn(context, read(), [this](std::exception_ptr) { has_ended = true; });
    turn();
  }
  http::Task<void> read() {
    for (;;) {
      const auto piece = co_await reader->next();
      if (!piece) co_return;
      text += *piece;
    }
  }
  void turn() {
    context.restart();
    context.poll();
  }

  std::shared_ptr<StreamReader> reader;
  boost::asio::io_context context;
  std::string text;
  bool has_ended = false;
};

const StreamName kName{"key", "c1"};

TEST(StreamStore, AFollowerGetsWhatWasAndWhatComes) {
  StreamStore store;
  auto begun = store.begin(kName, [] {});
  ASSERT_TRUE(begun);
  begun->writer->append("one ");
  Following all(store.follow(kName, 0)), rest(store.follow(kName, 2)),
      later(store.follow(kName, 6));
  EXPECT_EQ(all.text, "one ");
  begun->writer->append("two ");
  begun->writer->end();
  for (Following* one : {&all, &rest, &later}) {
    one->turn();
    EXPECT_TRUE(one->has_ended);
  }
  EXPECT_EQ(all.text, "one two ");
  EXPECT_EQ(rest.text, "e two ");
  EXPECT_EQ(later.text, "o ");
  Following again(store.follow(kName, 4)), past(store.follow(kName, 1000));
  EXPECT_EQ(again.text, "two ");
  EXPECT_TRUE(again.has_ended && past.has_ended);
  EXPECT_EQ(past.text, "");
}

TEST(StreamStore, KeysDoNotSeeEachOthersStreams) {
  StreamStore store;
  int cancelled = 0;
  auto begun = store.begin(kName, [&] { ++cancelled; });
  const StreamName other{"other key", "c1"};
  EXPECT_EQ(store.follow(other, 0), nullptr);
  const std::vector<std::string> ids = {"c1"};
  EXPECT_TRUE(store.find("other key", ids).empty());
  EXPECT_EQ(store.find("key", ids).size(), 1u);
  store.forget(other);
  auto theirs = store.begin(other, [] {});
  EXPECT_EQ(cancelled, 0);
  EXPECT_NE(store.follow(kName, 0), nullptr);
}

TEST(StreamStore, TheSameNameReplaces) {
  StreamStore store;
  int cancelled = 0;
  auto first = store.begin(kName, [&] { ++cancelled; });
  first->writer->append("old");
  Following of_first(first->reader);
  auto second = store.begin(kName, [] {});
  EXPECT_EQ(cancelled, 1);
  EXPECT_FALSE(first->writer->append("more"));
  first->writer->end();
  of_first.turn();
  EXPECT_TRUE(of_first.has_ended);
  second->writer->append("new");
  EXPECT_EQ(Following(store.follow(kName, 0)).text, "new");
  first->writer->drop();  // not the second
  EXPECT_NE(store.follow(kName, 0), nullptr);
}

TEST(StreamStore, IdsAreFoundWithAModelBehindThem) {
  StreamStore store;
  auto a = store.begin({"", "c1"}, [] {}), b = store.begin({"", "c1::m"}, [] {}),
       c = store.begin({"", "c10"}, [] {});
  b->writer->append("12345");
  b->writer->end();
  const std::vector<std::string> ids = {"c1", "none", "c1::m"};
  const auto found = store.find("", ids);
  ASSERT_EQ(found.size(), 2u);  // each once, the newest first
  EXPECT_EQ(found[0].conversation, "c1::m");
  EXPECT_TRUE(found[0].is_done);
  EXPECT_EQ(found[0].total_bytes, 5u);
  EXPECT_GT(found[0].completed_at, 0);
  EXPECT_EQ(found[1].conversation, "c1");
  EXPECT_FALSE(found[1].is_done);
  EXPECT_EQ(found[1].completed_at, 0);
  const std::vector<std::string> prefix = {"c"};
  EXPECT_TRUE(store.find("", prefix).empty());
}

TEST(StreamStore, BytesThatHaveLeftAreGone) {
  StreamStore store({.stream_bytes = 64});
  auto begun = store.begin(kName, [] {});
  Following fast(store.follow(kName, 0));
  const auto slow = store.follow(kName, 0);
  for (int i = 0; i < 30; ++i) {
    begun->writer->append("0123456789");
    fast.turn();
  }
  EXPECT_EQ(fast.text.size(), 300u);
  EXPECT_THAT([&] { store.follow(kName, 0); },
              testing::ThrowsMessage<RequestError>(testing::HasSubstr("the first kept byte of "
                                                                      "this stream is 240")));
  EXPECT_NE(store.follow(kName, 240), nullptr);
  Following late(slow);
  EXPECT_TRUE(late.has_ended);
  EXPECT_TRUE(slow->was_too_slow());
  EXPECT_FALSE(fast.reader->was_too_slow());
}

TEST(StreamStore, WhatNobodyReadsEndsWhenBytesWouldBeLost) {
  StreamStore store({.stream_bytes = 64});
  int cancelled = 0;
  auto begun = store.begin(kName, [&] { ++cancelled; });
  begun->writer->append(std::string(40, 'a'));
  {
    Following first(begun->reader);
    EXPECT_EQ(first.text.size(), 40u);
    begun->reader->leave();
    first.turn();
    EXPECT_TRUE(first.has_ended);
  }
  EXPECT_TRUE(begun->writer->append(std::string(60, 'b')));  // 60 that nobody has seen
  EXPECT_EQ(cancelled, 0);
  EXPECT_FALSE(begun->writer->append(std::string(10, 'c')));
  EXPECT_EQ(cancelled, 1);
}

TEST(StreamStore, AStopEndsWhatNobodyReads) {
  StreamStore store;
  int unread = 0, read = 0;
  auto a = store.begin({"", "unread"}, [&] { ++unread; });
  auto b = store.begin({"", "read"}, [&] { ++read; });
  a->reader->leave();
  EXPECT_EQ(unread, 0);
  store.stop();
  EXPECT_EQ(unread, 1);
  EXPECT_EQ(read, 0);
  b->reader->leave();
  EXPECT_EQ(read, 1);
  EXPECT_FALSE(store.begin({"", "new"}, [] {}));
}

TEST(StreamStore, ForgetsAfterAWhileAndWhenThereAreTooMany) {
  StreamStore brief({.kept = std::chrono::milliseconds(0)});
  brief.begin(kName, [] {})->writer->end();
  EXPECT_EQ(brief.follow(kName, 0), nullptr);

  StreamStore few({.streams = 2});
  auto a = few.begin({"", "a"}, [] {}), b = few.begin({"", "b"}, [] {});
  EXPECT_FALSE(few.begin({"", "c"}, [] {}));  // both run
  b->writer->end();
  EXPECT_TRUE(few.begin({"", "c"}, [] {}));
  EXPECT_EQ(few.follow({"", "b"}, 0), nullptr);
  EXPECT_NE(few.follow({"", "a"}, 0), nullptr);
}

TEST(StreamStore, AllTogetherHaveALimit) {
  StreamStore store({.stream_bytes = 1000, .all_bytes = 1500});
  auto a = store.begin({"", "a"}, [] {}), b = store.begin({"", "b"}, [] {});
  a->writer->append(std::string(900, 'a'));
  a->writer->end();
  for (int i = 0; i < 90; ++i) b->writer->append("0123456789");
  EXPECT_EQ(store.follow({"", "a"}, 0), nullptr);
  EXPECT_NE(store.follow({"", "b"}, 0), nullptr);
  auto c = store.begin({"", "c"}, [] {});
  for (int i = 0; i < 90; ++i) c->writer->append("0123456789");  // no one else to forget
  EXPECT_THROW(store.follow({"", "c"}, 0), RequestError);
  EXPECT_NE(store.follow({"", "b"}, 0), nullptr);
}

// ---- the endpoints

constexpr const char* kChat =
    R"({"messages":[{"role":"user","content":"ab"}],"stream":true,"max_tokens":9})";

/// A chat request with this conversation and key.
struct Chat : FakeExchange {
  explicit Chat(std::string body = kChat, std::string id = "c1", std::string client = "")
      : FakeExchange(std::move(body)) {
    request().headers.emplace_back("X-Conversation-Id", std::move(id));
    request().client = std::move(client);
  }
};

using Query = std::map<std::string, std::string>;

struct Resumed : FakeExchange {
  explicit Resumed(Query query, std::string client = "") : FakeExchange("") {
    request().query = std::move(query);
    request().client = std::move(client);
  }
};

TEST(Streams, AReplyGoesOnWithoutItsClientAndIsReadAgain) {
  ChatWorld world;
  Chat chat;
  world.start(oai_chat, chat);
  ASSERT_EQ(world.engine.submitted.size(), 1u);
  chat.leave();
  world.turn();
  EXPECT_FALSE(world.engine.submitted[0]->is_cancelled);
  world.engine.submitted[0]->answer("hello");
  world.turn();
  EXPECT_TRUE(world.is_done);

  Resumed resumed(Query{{"conv_id", "c1"}});
  world.start(resume_stream, resumed);
  EXPECT_THAT(resumed.written, testing::HasSubstr(R"("content":"h")"));
  EXPECT_TRUE(resumed.written.ends_with("data: [DONE]\n\n"));
  Resumed part(Query{{"conv_id", "c1"}, {"from", "100"}});
  world.start(resume_stream, part);
  EXPECT_EQ(part.written, resumed.written.substr(100));
}

TEST(Streams, TheClientThatStaysGetsAllOfIt) {
  ChatWorld world;
  Chat chat;
  world.start(oai_chat, chat);
  Resumed beside(Query{{"conv_id", "c1"}});
  world.start(resume_stream, beside);
  world.is_done = false;
  world.engine.submitted.at(0)->answer("hello");
  world.turn();
  EXPECT_TRUE(world.is_done);
  EXPECT_TRUE(chat.written.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(beside.written, chat.written);
}

TEST(Streams, OtherRepliesEndWithTheirClient) {
  for (const bool is_named : {false, true}) {
    ChatWorld world;
    Chat chat(is_named ? R"({"messages":[{"role":"user","content":"ab"}]})" : kChat,
              is_named ? "c1" : "");
    world.start(oai_chat, chat);
    chat.leave();
    EXPECT_TRUE(world.engine.submitted.at(0)->is_cancelled) << is_named;
    world.turn();
  }
}

TEST(Streams, AnotherKeyFindsNothing) {
  ChatWorld world;
  Chat chat(kChat, "c1", "key");
  world.start(oai_chat, chat);
  Resumed other(Query{{"conv_id", "c1"}}, "other key");
  world.start(resume_stream, other);
  EXPECT_THROW(std::rethrow_exception(world.error), RequestError);
  forget_stream(*world.service, other.request());
  EXPECT_FALSE(world.engine.submitted.at(0)->is_cancelled);
  Resumed own(Query{{"conv_id", "c1"}}, "key");
  forget_stream(*world.service, own.request());
  EXPECT_TRUE(world.engine.submitted.at(0)->is_cancelled);
  world.turn();  // the coroutines end before the world
}

TEST(Streams, AReplyThatFailsBeforeItBeginsIsForgotten) {
  ChatWorld world;
  Chat chat;
  world.start(oai_chat, chat);
  world.engine.submitted.at(0)->sink->error(
      {.status = 500, .type = "server_error", .message = "x"});
  world.turn();
  EXPECT_EQ(world.response.status, 500);
  Resumed resumed(Query{{"conv_id", "c1"}});
  world.start(resume_stream, resumed);
  EXPECT_TRUE(world.error);
}

TEST(Streams, ARecordThatEndsEarlySaysSo) {
  ChatWorld world;
  Chat chat;
  world.start(oai_chat, chat);
  Resumed follower(Query{{"conv_id", "c1"}});
  world.start(resume_stream, follower);
  world.engine.submitted.at(0)->sink->started();
  world.turn();
  forget_stream(*world.service, follower.request());
  world.turn();
  EXPECT_THAT(follower.written, testing::HasSubstr("this reply was ended before it was complete"));
  EXPECT_EQ(chat.written, follower.written);
}

TEST(Streams, AStopDoesNotWaitForWhatNobodyReads) {
  ChatWorld world;
  Chat chat;
  world.start(oai_chat, chat);
  chat.leave();
  EXPECT_FALSE(world.is_done);
  world.service->stop();
  EXPECT_TRUE(world.engine.submitted.at(0)->is_cancelled);
  world.turn();
  EXPECT_TRUE(world.is_done);
}

TEST(Streams, BadRequestsAreNamed) {
  ChatWorld world;
  const auto refusal = [&](Query query) -> std::string {
    Resumed exchange(std::move(query));
    world.start(resume_stream, exchange);
    try {
      if (world.error) std::rethrow_exception(world.error);
    } catch (const RequestError& error) {
      return fmt::format("{} {}", error.status, error.what());
    }
    return "none";
  };
  EXPECT_EQ(refusal({}), "400 Missing conversation id in path");
  for (const char* from : {"abc", "-1", "1x", "", "99999999999999999999"}) {
    EXPECT_EQ(refusal({{"conv_id", "c1"}, {"from", from}}), "400 Invalid 'from' offset") << from;
  }
  EXPECT_EQ(refusal({{"conv_id", "c1"}}), "404 no stream is kept for this conversation id");
  for (const char* body :
       {"{", "[]", "{}", R"({"conversation_ids":3})", R"({"conversation_ids":[3]})"}) {
    FakeExchange exchange(body);
    EXPECT_THROW(find_streams(*world.service, exchange.request()), RequestError) << body;
  }
  Chat too_long(kChat, std::string(257, 'x'));
  world.start(oai_chat, too_long);
  EXPECT_TRUE(world.error);
  EXPECT_TRUE(world.engine.submitted.at(0)->is_cancelled);
}

}  // namespace
}  // namespace llm::server
