package pingpp

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/form"
	wire "github.com/refundry/refundry/wire/pingpp"
)

const (
	// maxQuery bounds a query string; lists have about ten short parameters.
	maxQuery = 8 << 10
	// maxNumber bounds a number literal: an amount with far too many digits is
	// told as a wrong amount, not as unreadable JSON.
	maxNumber = 4 << 10
)

// noParams is what every empty body stands for.
var noParams = exactjson.Value{Kind: exactjson.Object, Raw: []byte("{}")}

// decodeBody reads a POST body as JSON or as a form (P0-1). SDKs send JSON and
// say so; curl sends forms, and says that it sends a form even when the text is
// JSON, so that text decides too: no form of ours begins with a bracket. An
// empty body, {}, [] and null all mean "no parameters".
func decodeBody(body []byte, contentType string) (exactjson.Value, error) {
	trimmed := bytes.TrimSpace(body)
	isJSON := strings.Contains(strings.ToLower(contentType), "json") ||
		bytes.HasPrefix(trimmed, []byte("{")) || bytes.HasPrefix(trimmed, []byte("[")) || bytes.Equal(trimmed, []byte("null"))
	if !isJSON {
		return decodeForm(literalPercents(body), form.Limits{Bytes: dialect.MaxBody})
	}
	value, err := exactjson.Decode(body, exactjson.Limits{Bytes: dialect.MaxBody, NumberBytes: maxNumber})
	if err != nil {
		return exactjson.Value{}, malformed("", text{"请求体不是有效的 JSON（" + err.Error() + "）", err.Error()})
	}
	switch {
	case value.Kind == exactjson.Object:
		return value, nil
	case value.Kind == exactjson.Absent, value.Kind == exactjson.Null, isEmptyList(value):
		return noParams, nil
	}
	return exactjson.Value{}, malformed("", text{"请求体必须是 JSON 对象", "the body is a JSON " + value.Kind.String() + " and no object"})
}

// literalPercents escapes the percent signs that begin no escape: curl -d sends
// a text such as "100% of it" as it is, and means just that.
func literalPercents(body []byte) []byte {
	if !bytes.Contains(body, []byte("%")) {
		return body
	}
	isHex := func(at int) bool { return at < len(body) && strings.IndexByte("0123456789abcdefABCDEF", body[at]) >= 0 }
	out := make([]byte, 0, len(body))
	for n, c := range body {
		out = append(out, c)
		if c == '%' && (!isHex(n+1) || !isHex(n+2)) {
			out = append(out, "25"...)
		}
	}
	return out
}

// decodeQuery reads the parameters of a GET. Go may send created=5 together
// with created[gt]=5 (P1.3-20), which no tree can hold: the range is the more
// exact of the two.
func decodeQuery(raw string) (exactjson.Value, error) {
	return decodeForm([]byte(raw), form.Limits{Bytes: maxQuery})
}

func decodeForm(raw []byte, limits form.Limits) (exactjson.Value, error) {
	pairs, err := form.Parse(raw, limits)
	if err == nil {
		var value exactjson.Value
		if value, err = form.Nest(withoutPlainCreated(pairs)); err == nil {
			return value, nil
		}
	}
	var param string
	var problem *form.Error
	if errors.As(err, &problem) {
		param = problem.Key
	}
	return exactjson.Value{}, malformed(param, text{"表单格式错误（" + err.Error() + "）", err.Error()})
}

func withoutPlainCreated(pairs []form.Pair) []form.Pair {
	var ranged bool
	for _, pair := range pairs {
		ranged = ranged || strings.HasPrefix(pair.Key, "created[")
	}
	if !ranged {
		return pairs
	}
	kept := make([]form.Pair, 0, len(pairs))
	for _, pair := range pairs {
		if pair.Key != "created" {
			kept = append(kept, pair)
		}
	}
	return kept
}

func isEmptyList(v exactjson.Value) bool { return v.Kind == exactjson.Array && len(v.Items) == 0 }

// given finds a member; null is as if it were absent, since typed clients
// write it for what was not set.
func given(object exactjson.Value, name string) (exactjson.Value, bool) {
	value, ok := object.Get(name)
	return value, ok && value.Kind != exactjson.Null
}

// optionalText reads a string. Absent is "".
func optionalText(object exactjson.Value, name, param string) (string, error) {
	value, ok := given(object, name)
	if !ok {
		return "", nil
	}
	if value.Kind != exactjson.String {
		return "", invalid(param, wantText)
	}
	return value.Text, nil
}

// requiredText reads a string that must not be empty: the Go client always
// sends its required members, as "" when they were not set.
func requiredText(object exactjson.Value, name, param string) (string, error) {
	value, err := optionalText(object, name, param)
	if err == nil && value == "" {
		return "", missing(param)
	}
	return value, err
}

// limitedText refuses a text that is too long.
func limitedText(value, param string, limit wire.TextLimit) error {
	if limit.Allows(value) {
		return nil
	}
	unit := text{"个字符", "characters"}
	if limit.Unit == wire.Bytes {
		unit = text{"字节", "bytes of UTF-8"}
	}
	most := strconv.Itoa(limit.Max)
	return invalid(param, text{"最多 " + most + " " + unit.chinese, "it has more than " + most + " " + unit.english})
}

// wholeText returns the digits of a whole number that is written plainly: a
// number literal or a numeric string (forms have nothing else, and PHP samples
// pass strings in JSON), without sign, fraction, exponent, blanks or leading
// zeros.
func wholeText(value exactjson.Value) (string, bool) {
	digits := value.Text
	if value.Kind != exactjson.Number && value.Kind != exactjson.String || digits == "" {
		return "", false
	}
	if len(digits) > 1 && digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	return digits, true
}

// amountAbove0 reads an amount in minor units: whole, above 0. One that 64 bits
// don't hold is refund.BeyondAll: well-formed, and more than anything has.
func amountAbove0(value exactjson.Value) (int64, bool) {
	digits, ok := wholeText(value)
	if !ok {
		return 0, false
	}
	amount, err := strconv.ParseInt(digits, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return int64(refund.BeyondAll), true
	}
	return amount, err == nil && amount > 0
}

// boolean reads true and false, also as Python's and C#'s True and False, and
// as 1 and 0.
func boolean(value exactjson.Value) (is, ok bool) {
	switch value.Kind {
	case exactjson.Bool, exactjson.String, exactjson.Number:
	default:
		return false, false
	}
	switch strings.ToLower(value.Text) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

// object reads a map: {} for absent, null and PHP's [].
func object(params exactjson.Value, name, param string) (exactjson.Value, error) {
	value, ok := given(params, name)
	switch {
	case !ok, isEmptyList(value):
		return noParams, nil
	case value.Kind != exactjson.Object:
		return exactjson.Value{}, invalid(param, wantObject)
	}
	return value, nil
}

// rawObject is an object's text as it is kept, nil for an empty one.
func rawObject(value exactjson.Value) json.RawMessage {
	if len(value.Members) == 0 {
		return nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value.Raw); err != nil {
		return nil // what exactjson took is JSON
	}
	return compact.Bytes()
}

// metadata reads and checks the member metadata (P2.10-1) and gives its text as
// it will be returned.
func metadata(params exactjson.Value) (json.RawMessage, error) {
	value, err := object(params, "metadata", "metadata")
	if err != nil {
		return nil, err
	}
	pairs := make([]wire.Pair, 0, len(value.Members))
	for _, member := range value.Members {
		pairs = append(pairs, wire.Pair{Name: member.Name, Value: string(member.Value.Raw)})
	}
	switch err := wire.CheckMetadata(pairs); {
	case errors.Is(err, wire.ErrMetadataPairs):
		most := strconv.Itoa(wire.MaxMetadataPairs)
		return nil, invalid("metadata", text{"最多 " + most + " 个键值对", "it has more than " + most + " pairs"})
	case err != nil:
		most := strconv.Itoa(wire.MaxMetadataCharacters)
		return nil, invalid("metadata", text{"总长度最多 " + most + " 个字符", "it has more than " + most + " characters in all"})
	}
	return rawObject(value), nil
}

// description reads a refund's text: 255 characters, or what the channel allows
// (P3.3-3 to P3.3-7).
func description(params exactjson.Value, limit wire.TextLimit) (string, error) {
	value, err := requiredText(params, "description", "description")
	if err != nil {
		return "", err
	}
	return value, limitedText(value, "description", limit)
}
