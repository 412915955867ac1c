#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.hpp"
#include "mcp/schema/detail/node.hpp"

namespace pincer::mcp::schema {
namespace {

constexpr std::size_t kMaxNodes = 10'000;
constexpr std::array<std::pair<std::string_view, Type>, 7> kTypeNames = {{{"null", kNull},
                                                                          {"boolean", kBoolean},
                                                                          {"integer", kInteger},
                                                                          {"number", kNumber},
                                                                          {"string", kString},
                                                                          {"array", kArray},
                                                                          {"object", kObject}}};
// They change what is valid and are not implemented here: a schema that has them must not seem to work.
constexpr std::array<std::string_view, 4> kRefusedKeywords = {"unevaluatedProperties", "unevaluatedItems",
                                                              "$dynamicRef", "$recursiveRef"};

std::string escape_pointer(std::string_view name) {
    std::string out;
    for (char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return out;
}

// One step of a JSON pointer in URI form: %41 and then ~0 and ~1.
Result<std::string> unescape_pointer(std::string_view token) {
    std::string plain;
    for (std::size_t i = 0; i < token.size(); ++i) {
        if (token[i] != '%') {
            plain += token[i];
            continue;
        }
        PINCER_TRY(auto byte, from_hex(token.substr(i + 1, 2)));
        if (byte.size() != 1) return PINCER_FAIL(invalid_argument, "a cut-off percent escape");
        plain += byte;
        i += 2;
    }
    std::string out;
    for (std::size_t i = 0; i < plain.size(); ++i) {
        if (plain[i] != '~')
            out += plain[i];
        else if (++i < plain.size() && plain[i] == '0')
            out += '~';
        else
            out += '/';
    }
    return out;
}

class Compiler {
public:
    Compiler(const json::value& root, SchemaLimits limits) : root_(root), limits_(limits) {
        const json::object* o = root.if_object();
        const std::string dialect = o ? json::string_or(*o, "$schema") : "";
        draft7_ = dialect.find("draft-07") != std::string::npos || dialect.find("draft-06") != std::string::npos ||
                  dialect.find("draft-04") != std::string::npos;
    }

    Result<> compile_root() {
        PINCER_CHECK(node_for(root_, "", 0));
        return {};
    }
    std::vector<Node> take() { return std::move(nodes_); }

private:
    static Failure wrong(std::string_view at, std::string_view keyword, std::string_view why) {
        return PINCER_FAIL(invalid_argument, "schema at \"{}/{}\": {}", at, keyword, why);
    }

    Result<NodeIndex> node_for(const json::value& schema, std::string at, std::size_t depth) {
        if (const auto known = by_pointer_.find(at); known != by_pointer_.end()) return known->second;
        if (depth > limits_.depth)
            return PINCER_FAIL(too_large, "schema at \"{}\": nested deeper than {}", at, limits_.depth);
        if (nodes_.size() >= kMaxNodes) return PINCER_FAIL(too_large, "the schema has more than {} parts", kMaxNodes);
        const NodeIndex index = NodeIndex(nodes_.size());
        nodes_.emplace_back();
        by_pointer_.emplace(at, index);  // before its parts, so that they may refer to it
        Node node;
        if (const bool* flag = schema.if_bool()) {
            node.always = *flag;
        } else if (const json::object* o = schema.if_object()) {
            PINCER_CHECK(read(*o, at, depth, node));
        } else {
            return PINCER_FAIL(invalid_argument, "schema at \"{}\": an object, true or false is expected", at);
        }
        nodes_[index] = std::move(node);
        return index;
    }

    Result<> read(const json::object& o, const std::string& at, std::size_t depth, Node& node) {
        for (std::string_view keyword : kRefusedKeywords) {
            if (json::find(o, keyword)) return wrong(at, keyword, "this keyword is not supported");
        }
        if (const json::value* ref = json::find(o, "$ref")) {
            if (!ref->is_string()) return wrong(at, "$ref", "a string is expected");
            PINCER_TRY(node.ref, resolve(std::string_view(ref->get_string()), at, depth));
            if (draft7_) return {};  // there, everything beside a $ref is ignored
        }
        PINCER_CHECK(read_types(o, at, node));
        if (const json::value* v = json::find(o, "const")) node.constant = *v;
        if (const json::value* v = json::find(o, "enum")) {
            if (!v->is_array()) return wrong(at, "enum", "an array is expected");
            node.values = v->get_array();
        }
        PINCER_CHECK(read_number(o, at, node));
        PINCER_CHECK(read_string(o, at, node));
        PINCER_CHECK(read_array(o, at, depth, node));
        PINCER_CHECK(read_object(o, at, depth, node));
        return read_choices(o, at, depth, node);
    }

    Result<NodeIndex> resolve(std::string_view ref, const std::string& at, std::size_t depth) {
        if (!ref.starts_with('#')) return wrong(at, "$ref", fmt::format("\"{}\" is outside this schema", ref));
        ref.remove_prefix(1);
        if (!ref.empty() && ref.front() != '/') return resolve_anchor(ref, at, depth);
        const json::value* target = &root_;
        std::string pointer;
        while (!ref.empty()) {
            ref.remove_prefix(1);
            const auto token = ref.substr(0, ref.find('/'));
            ref.remove_prefix(token.size());
            auto name = unescape_pointer(token);
            if (!name) return wrong(at, "$ref", name.error().message());
            target = child(*target, *name);
            if (!target) return wrong(at, "$ref", fmt::format("nothing stands at \"{}/{}\"", pointer, *name));
            pointer += "/" + escape_pointer(*name);
        }
        return node_for(*target, pointer, depth + 1);
    }

    static const json::value* child(const json::value& v, const std::string& name) {
        if (const json::object* o = v.if_object()) return json::find(*o, name);
        const json::array* a = v.if_array();
        if (!a || name.empty() || name.size() > 6 || name.find_first_not_of("0123456789") != std::string::npos)
            return nullptr;
        const std::size_t index = std::stoul(name);
        return index < a->size() ? &(*a)[index] : nullptr;
    }

    Result<NodeIndex> resolve_anchor(std::string_view anchor, const std::string& at, std::size_t depth) {
        std::size_t budget = kMaxNodes;
        std::string pointer;
        const json::value* target = find_anchor(root_, anchor, pointer, budget, 0);
        if (!target) return wrong(at, "$ref", fmt::format("no $anchor \"{}\" in this schema", anchor));
        return node_for(*target, pointer, depth + 1);
    }

    const json::value* find_anchor(const json::value& v, std::string_view anchor, std::string& pointer,
                                   std::size_t& budget, std::size_t depth) {
        if (budget == 0 || --budget == 0 || depth > limits_.depth) return nullptr;
        const std::size_t length = pointer.size();
        if (const json::object* o = v.if_object()) {
            if (json::string_at(*o, "$anchor") == anchor || json::string_at(*o, "$id") == "#" + std::string(anchor))
                return &v;
            for (const auto& field : *o) {
                pointer += "/" + escape_pointer(field.key());
                if (const auto* found = find_anchor(field.value(), anchor, pointer, budget, depth + 1)) return found;
                pointer.resize(length);
            }
        } else if (const json::array* a = v.if_array()) {
            for (std::size_t i = 0; i < a->size(); ++i) {
                pointer += "/" + std::to_string(i);
                if (const auto* found = find_anchor((*a)[i], anchor, pointer, budget, depth + 1)) return found;
                pointer.resize(length);
            }
        }
        return nullptr;
    }

    Result<> read_types(const json::object& o, const std::string& at, Node& node) {
        const json::value* v = json::find(o, "type");
        if (!v) return {};
        const json::array one{*v};
        for (const json::value& name : v->is_array() ? v->get_array() : one) {
            const auto known = std::find_if(kTypeNames.begin(), kTypeNames.end(), [&](const auto& t) {
                return name.is_string() && std::string_view(name.get_string()) == t.first;
            });
            if (known == kTypeNames.end())
                return wrong(at, "type", fmt::format("{} is not a JSON type", json::write(name)));
            node.types |= known->second;
        }
        if (node.types == 0) return wrong(at, "type", "no type is named");
        return {};
    }

    Result<std::optional<json::value>> number(const json::object& o, std::string_view keyword, const std::string& at) {
        const json::value* v = json::find(o, keyword);
        if (!v || (draft7_ && v->is_bool())) return std::optional<json::value>();
        if (!v->is_number()) return wrong(at, keyword, "a number is expected");
        return std::optional<json::value>(*v);
    }

    Result<std::optional<std::size_t>> count(const json::object& o, std::string_view keyword, const std::string& at) {
        if (!json::find(o, keyword)) return std::optional<std::size_t>();
        const auto n = json::int_at(o, keyword);
        if (!n || *n < 0) return wrong(at, keyword, "a whole number of 0 or more is expected");
        return std::optional<std::size_t>(std::size_t(*n));
    }

    Result<> read_number(const json::object& o, const std::string& at, Node& node) {
        NumberRules rules;
        PINCER_TRY(rules.minimum, number(o, "minimum", at));
        PINCER_TRY(rules.maximum, number(o, "maximum", at));
        PINCER_TRY(rules.exclusive_minimum, number(o, "exclusiveMinimum", at));
        PINCER_TRY(rules.exclusive_maximum, number(o, "exclusiveMaximum", at));
        PINCER_TRY(rules.multiple_of, number(o, "multipleOf", at));
        if (rules.multiple_of && compare_numbers(*rules.multiple_of, json::value(0)) <= 0)
            return wrong(at, "multipleOf", "must be above 0");
        if (rules.minimum || rules.maximum || rules.exclusive_minimum || rules.exclusive_maximum || rules.multiple_of) {
            node.number = std::move(rules);
        }
        return {};
    }

    Result<> read_string(const json::object& o, const std::string& at, Node& node) {
        StringRules rules;
        PINCER_TRY(rules.min_length, count(o, "minLength", at));
        PINCER_TRY(rules.max_length, count(o, "maxLength", at));
        if (const json::value* v = json::find(o, "pattern")) {
            if (!v->is_string()) return wrong(at, "pattern", "a string is expected");
            auto pattern = Pattern::compile(std::string_view(v->get_string()));
            if (!pattern) return wrong(at, "pattern", pattern.error().message());
            rules.pattern = std::move(*pattern);
        }
        if (rules.min_length || rules.max_length || rules.pattern) node.string = std::move(rules);
        return {};
    }

    Result<std::optional<NodeIndex>> part(const json::object& o, std::string_view keyword, const std::string& at,
                                          std::size_t depth) {
        const json::value* v = json::find(o, keyword);
        if (!v) return std::optional<NodeIndex>();
        PINCER_TRY(const NodeIndex index, node_for(*v, at + "/" + std::string(keyword), depth + 1));
        return std::optional<NodeIndex>(index);
    }

    Result<std::vector<NodeIndex>> parts(const json::object& o, std::string_view keyword, const std::string& at,
                                         std::size_t depth) {
        std::vector<NodeIndex> out;
        const json::value* v = json::find(o, keyword);
        if (!v) return out;
        if (!v->is_array()) return wrong(at, keyword, "an array is expected");
        for (std::size_t i = 0; i < v->get_array().size(); ++i) {
            PINCER_TRY(const NodeIndex index,
                       node_for(v->get_array()[i], fmt::format("{}/{}/{}", at, keyword, i), depth + 1));
            out.push_back(index);
        }
        return out;
    }

    Result<> read_array(const json::object& o, const std::string& at, std::size_t depth, Node& node) {
        ArrayRules rules;
        const json::value* items = json::find(o, "items");
        const bool tuple = items && items->is_array();  // the old form of prefixItems
        PINCER_TRY(rules.prefix, parts(o, tuple ? "items" : "prefixItems", at, depth));
        PINCER_TRY(rules.rest, part(o, tuple ? "additionalItems" : "items", at, depth));
        PINCER_TRY(rules.contains, part(o, "contains", at, depth));
        PINCER_TRY(const auto min_contains, count(o, "minContains", at));
        rules.min_contains = draft7_ ? 1 : min_contains.value_or(1);
        PINCER_TRY(const auto max_contains, count(o, "maxContains", at));
        if (!draft7_) rules.max_contains = max_contains;
        PINCER_TRY(rules.min_items, count(o, "minItems", at));
        PINCER_TRY(rules.max_items, count(o, "maxItems", at));
        rules.unique = json::bool_at(o, "uniqueItems").value_or(false);
        if (!rules.prefix.empty() || rules.rest || rules.contains || rules.min_items || rules.max_items ||
            rules.unique) {
            node.array = std::move(rules);
        }
        return {};
    }

    Result<std::vector<std::string>> names(const json::value& v, std::string_view keyword, const std::string& at) {
        std::vector<std::string> out;
        if (!v.is_array()) return wrong(at, keyword, "an array of strings is expected");
        for (const json::value& name : v.get_array()) {
            if (!name.is_string()) return wrong(at, keyword, "an array of strings is expected");
            out.emplace_back(name.get_string());
        }
        return out;
    }

    // Calls `each` with every member of the object that `keyword` holds.
    template <class Each>
    Result<> members(const json::object& o, std::string_view keyword, const std::string& at, Each each) {
        const json::value* v = json::find(o, keyword);
        if (!v) return {};
        if (!v->is_object()) return wrong(at, keyword, "an object is expected");
        for (const auto& field : v->get_object()) {
            PINCER_CHECK(each(std::string(field.key()), field.value(),
                              fmt::format("{}/{}/{}", at, keyword, escape_pointer(field.key()))));
        }
        return {};
    }

    Result<> read_object(const json::object& o, const std::string& at, std::size_t depth, Node& node) {
        ObjectRules rules;
        PINCER_CHECK(
            members(o, "properties", at, [&](std::string name, const json::value& v, std::string place) -> Result<> {
                PINCER_TRY(const NodeIndex index, node_for(v, std::move(place), depth + 1));
                rules.by_name.emplace(name, rules.properties.size());
                rules.properties.push_back({std::move(name), index});
                return {};
            }));
        if (const json::value* v = json::find(o, "required"); v && !v->is_bool()) {
            PINCER_TRY(const auto required, names(*v, "required", at));
            for (const std::string& name : required) {
                if (const auto known = rules.by_name.find(name); known != rules.by_name.end())
                    rules.properties[known->second].required = true;
                else
                    rules.required.push_back(name);
            }
        }
        PINCER_CHECK(members(o, "patternProperties", at,
                             [&](const std::string& source, const json::value& v, std::string place) -> Result<> {
                                 auto pattern = Pattern::compile(source);
                                 if (!pattern) return wrong(at, "patternProperties", pattern.error().message());
                                 PINCER_TRY(const NodeIndex index, node_for(v, std::move(place), depth + 1));
                                 rules.patterns.emplace_back(std::move(*pattern), index);
                                 return {};
                             }));
        PINCER_TRY(rules.additional, part(o, "additionalProperties", at, depth));
        PINCER_TRY(rules.names, part(o, "propertyNames", at, depth));
        PINCER_TRY(rules.min_properties, count(o, "minProperties", at));
        PINCER_TRY(rules.max_properties, count(o, "maxProperties", at));
        PINCER_CHECK(read_dependencies(o, at, depth, rules));
        const bool any = !rules.properties.empty() || !rules.required.empty() || !rules.patterns.empty() ||
                         rules.additional || rules.names || rules.min_properties || rules.max_properties ||
                         !rules.dependent_required.empty() || !rules.dependent_schemas.empty();
        if (any) node.object = std::move(rules);
        return {};
    }

    Result<> read_dependencies(const json::object& o, const std::string& at, std::size_t depth, ObjectRules& rules) {
        const auto need = [&](const std::string& name, const json::value& v) -> Result<> {
            PINCER_TRY(auto required, names(v, "dependentRequired", at));
            rules.dependent_required.emplace_back(name, std::move(required));
            return {};
        };
        const auto fit = [&](const std::string& name, const json::value& v, std::string place) -> Result<> {
            PINCER_TRY(const NodeIndex index, node_for(v, std::move(place), depth + 1));
            rules.dependent_schemas.emplace_back(name, index);
            return {};
        };
        PINCER_CHECK(
            members(o, "dependentRequired", at,
                    [&](const std::string& name, const json::value& v, const std::string&) { return need(name, v); }));
        PINCER_CHECK(members(o, "dependentSchemas", at, fit));
        return members(o, "dependencies", at, [&](const std::string& name, const json::value& v, std::string place) {
            return v.is_array() ? need(name, v) : fit(name, v, std::move(place));
        });
    }

    Result<> read_choices(const json::object& o, const std::string& at, std::size_t depth, Node& node) {
        Choices choices;
        PINCER_TRY(choices.all, parts(o, "allOf", at, depth));
        PINCER_TRY(choices.any, parts(o, "anyOf", at, depth));
        PINCER_TRY(choices.one, parts(o, "oneOf", at, depth));
        PINCER_TRY(choices.no, part(o, "not", at, depth));
        PINCER_TRY(choices.condition, part(o, "if", at, depth));
        PINCER_TRY(choices.then, part(o, "then", at, depth));
        PINCER_TRY(choices.otherwise, part(o, "else", at, depth));
        if (!choices.all.empty() || !choices.any.empty() || !choices.one.empty() || choices.no || choices.condition) {
            node.choices = std::move(choices);
        }
        return {};
    }

    const json::value& root_;
    SchemaLimits limits_;
    bool draft7_ = false;
    std::vector<Node> nodes_;
    std::unordered_map<std::string, NodeIndex> by_pointer_;
};

}  // namespace

std::string_view name_of(Type type) {
    for (const auto& [name, known] : kTypeNames) {
        if (known == type) return name;
    }
    return "";
}

std::string_view first_type_name(Types types) {
    for (const auto& [name, type] : kTypeNames) {
        if (types & type) return name;
    }
    return "";
}

Result<Validator> Validator::compile(const json::value& schema, SchemaLimits limits) {
    Compiler compiler(schema, limits);
    PINCER_CHECK(compiler.compile_root());
    auto impl = std::make_shared<Impl>();
    impl->nodes = compiler.take();
    impl->limits = limits;
    return Validator(std::move(impl));
}

}  // namespace pincer::mcp::schema
