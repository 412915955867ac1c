#include "audit/detail/record.hpp"

#include <charconv>

#include "base/text.hpp"
#include "io/files.hpp"

namespace pincer::audit {

namespace {

std::string json_string(std::string_view text) {
    return json::write(json::value(boost::json::string_view(text.data(), text.size())));
}

bool is_mac(std::string_view text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Every field that `wanted` names and no other.
Result<> only_these(const json::object& o, std::size_t wanted) {
    if (o.size() == wanted) return {};
    return PINCER_FAIL(invalid_argument, "it has {} fields instead of {}", o.size(), wanted);
}

}  // namespace

std::string RecordRef::str() const { return fmt::format("{}:{}:{}", chain, seq, mac); }

Result<RecordRef> RecordRef::parse(std::string_view text) {
    const auto malformed = [] {
        return PINCER_FAIL(invalid_argument, "not a reference to an audit record (chain:number:mac)");
    };
    const std::size_t last = text.rfind(':');
    if (last == std::string_view::npos || last == 0) return malformed();
    const std::size_t middle = text.rfind(':', last - 1);
    if (middle == std::string_view::npos) return malformed();
    RecordRef ref{.chain = std::string(text.substr(0, middle)), .mac = std::string(text.substr(last + 1))};
    const std::string_view digits = text.substr(middle + 1, last - middle - 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), ref.seq);
    if (ref.chain.empty() || ref.chain.size() > 128 || ref.seq < 1 || !is_mac(ref.mac) || ref.str() != text)
        return malformed();
    return ref;
}

std::string Checkpoint::str() const {
    return fmt::format(R"({{"chain":{},"number":{},"seq":{},"tip":"{}","at":{},"signature":{}}})", json_string(chain),
                       number, seq, tip, json_string(at), json_string(signature));
}

Result<Checkpoint> Checkpoint::parse(std::string_view line) {
    PINCER_TRY(const json::object o, json::parse_object(line, {.bytes = 4096, .depth = 1}));
    PINCER_CHECK(only_these(o, 6));
    Checkpoint c;
    PINCER_TRY(c.chain, json::require_string(o, "chain"));
    PINCER_TRY(c.number, json::require_int(o, "number"));
    PINCER_TRY(c.seq, json::require_int(o, "seq"));
    PINCER_TRY(c.tip, json::require_string(o, "tip"));
    PINCER_TRY(c.at, json::require_string(o, "at"));
    PINCER_TRY(c.signature, json::require_string(o, "signature"));
    if (c.number < 1 || c.seq < 1 || !is_mac(c.tip)) return PINCER_FAIL(invalid_argument, "a number is out of range");
    if (c.str() != line) return PINCER_FAIL(invalid_argument, "it is not written as we write it");
    return c;
}

namespace detail {

std::string Line::str() const {
    const std::string reference = follows.empty() ? "" : fmt::format(R"("follows":{},)", json_string(follows));
    return fmt::format(R"({{"seq":{},"at":{},"kind":{},"actor":{},"body":{},{}"prev":"{}","mac":"{}"}})", seq,
                       json_string(at), json_string(kind), json_string(actor), body, reference, prev, mac);
}

Result<Line> Line::parse(std::string_view text) {
    PINCER_TRY(const json::object o, json::parse_object(text, {.bytes = kMostLineBytes}));
    Line line;
    PINCER_TRY(line.seq, json::require_int(o, "seq"));
    PINCER_TRY(line.at, json::require_string(o, "at"));
    PINCER_TRY(line.kind, json::require_string(o, "kind"));
    PINCER_TRY(line.actor, json::require_string(o, "actor"));
    const json::value* body = json::find(o, "body");
    if (!body || !body->is_object()) return PINCER_FAIL(invalid_argument, "\"body\" must be an object");
    line.body = json::write_canonical(*body);
    if (json::find(o, "follows")) {
        PINCER_TRY(line.follows, json::require_string(o, "follows"));
    }
    PINCER_TRY(line.prev, json::require_string(o, "prev"));
    PINCER_TRY(line.mac, json::require_string(o, "mac"));
    if (line.seq < 1 || !is_mac(line.prev) || !is_mac(line.mac))
        return PINCER_FAIL(invalid_argument, "a number or mac is out of range");
    if (line.str() != text) return PINCER_FAIL(invalid_argument, "it is not written as we write it");
    return line;
}

std::string Line::computed_mac(const Secret& key) const {
    crypto::Framed framed("pincer audit record 1");
    framed.add(std::to_string(seq)).add(at).add(kind).add(actor).add(body).add(follows).add(prev);
    return crypto::hmac_sha256_hex(key.reveal(), framed.bytes());
}

std::string signed_bytes(const Checkpoint& c) {
    crypto::Framed framed("pincer audit checkpoint 1");
    framed.add(c.chain).add(std::to_string(c.number)).add(std::to_string(c.seq)).add(c.tip).add(c.at);
    return framed.bytes();
}

std::string Head::slot(const Secret& key) const {
    std::string text = fmt::format(
        R"({{"generation":{},"records":{},"bytes":{},"tip":"{}","checkpoints":{},"checkpointBytes":{},"checkpointSeq":{})",
        generation, records, bytes, tip, checkpoints, checkpoint_bytes, checkpoint_seq);
    crypto::Framed framed("pincer audit head 1");
    framed.add(text);
    text += fmt::format(R"(,"mac":"{}"}})", crypto::hmac_sha256_hex(key.reveal(), framed.bytes()));
    text.resize(kSlotBytes - 1, ' ');
    return text + '\n';
}

Result<Head> Head::parse_slot(std::string_view slot, const Secret& key) {
    const auto damaged = [] { return PINCER_FAIL(corrupt, "a slot of the head does not verify"); };
    auto o = json::parse_object(slot, {.bytes = kSlotBytes, .depth = 1});
    if (!o) return damaged();
    Head head;
    const auto number = [&](std::string_view field) { return json::int_at(*o, field).value_or(-1); };
    head.generation = number("generation");
    head.records = number("records");
    head.bytes = number("bytes");
    head.tip = json::string_or(*o, "tip");
    head.checkpoints = number("checkpoints");
    head.checkpoint_bytes = number("checkpointBytes");
    head.checkpoint_seq = number("checkpointSeq");
    const bool in_range = head.generation >= 0 && head.records >= 0 && head.bytes >= 0 && head.checkpoints >= 0 &&
                          head.checkpoint_bytes >= 0 && head.checkpoint_seq >= 0;
    if (!in_range || !is_mac(head.tip) || !crypto::constant_time_equal(head.slot(key), slot)) return damaged();
    return head;
}

bool HeadFile::whole() const {
    if (!slots[0] || !slots[1]) return false;
    const std::int64_t apart = slots[0]->generation - slots[1]->generation;
    return apart == 1 || apart == -1;
}

const Head* HeadFile::newest() const {
    if (slots[0] && slots[1]) return slots[0]->generation > slots[1]->generation ? &*slots[0] : &*slots[1];
    if (slots[0]) return &*slots[0];
    return slots[1] ? &*slots[1] : nullptr;
}

Result<HeadFile> read_head_file(const std::filesystem::path& directory, const Secret& key) {
    PINCER_TRY(const std::string bytes, io::read_file(directory / kHeadFile, 4096));
    if (bytes.size() != 2 * Head::kSlotBytes)
        return PINCER_FAIL(corrupt, "{} has {} bytes instead of {}", kHeadFile, bytes.size(), 2 * Head::kSlotBytes);
    HeadFile file;
    for (std::size_t i = 0; i < 2; ++i) {
        auto slot = Head::parse_slot(std::string_view(bytes).substr(i * Head::kSlotBytes, Head::kSlotBytes), key);
        if (slot && slot->generation % 2 == std::int64_t(i)) file.slots[i] = *std::move(slot);
    }
    return file;
}

}  // namespace detail
}  // namespace pincer::audit
