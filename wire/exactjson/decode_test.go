package exactjson_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/exactjson"
)

func TestDecodeKeepsEverything(t *testing.T) {
	got, err := exactjson.Decode([]byte(` {"b" : 1.50, "a":[ "\u00e9\n" ,null,true ],"":{} } `), exactjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := exactjson.Value{
		Kind: exactjson.Object,
		Raw:  []byte(`{"b" : 1.50, "a":[ "\u00e9\n" ,null,true ],"":{} }`),
		Members: []exactjson.Member{
			{Name: "b", Value: exactjson.Value{Kind: exactjson.Number, Text: "1.50", Raw: []byte(`1.50`)}},
			{Name: "a", Value: exactjson.Value{
				Kind: exactjson.Array,
				Raw:  []byte(`[ "\u00e9\n" ,null,true ]`),
				Items: []exactjson.Value{
					{Kind: exactjson.String, Text: "é\n", Raw: []byte(`"\u00e9\n"`)},
					{Kind: exactjson.Null, Raw: []byte(`null`)},
					{Kind: exactjson.Bool, Text: "true", Raw: []byte(`true`)},
				},
			}},
			{Name: "", Value: exactjson.Value{Kind: exactjson.Object, Raw: []byte(`{}`)}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDecodeAccepts(t *testing.T) {
	tests := []struct {
		name, input string
		kind        exactjson.Kind
		text        string
	}{
		{"an empty body", "", exactjson.Absent, ""},
		{"a body of blanks", " \r\n\t", exactjson.Absent, ""},
		{"null", "null", exactjson.Null, ""},
		{"an empty array", "[ ]", exactjson.Array, ""},
		{"an empty object", "{\n}", exactjson.Object, ""},
		{"false", "false", exactjson.Bool, "false"},
		{"a number beyond int64", "123456789012345678901234567890", exactjson.Number, "123456789012345678901234567890"},
		{"an exponent as it was written", "-1.0E+2", exactjson.Number, "-1.0E+2"},
		{"minus zero", "-0", exactjson.Number, "-0"},
		{"every escape", `"\"\\\/\b\f\n\r\t\u0041"`, exactjson.String, "\"\\/\b\f\n\r\tA"},
		{"escaped and plain text mixed", `"退\u6b3e款"`, exactjson.String, "退款款"},
		{"a surrogate pair", `"\ud83d\uDE00"`, exactjson.String, "😀"},
		{"HTML escapes of the Go and Java libraries", `"\u003c\u0026\u003e"`, exactjson.String, "<&>"},
		{"U+2028, which JavaScript disliked", "\"\u2028\"", exactjson.String, "\u2028"},
		{"U+FFFD that the sender meant", `"\ufffd"`, exactjson.String, "\uFFFD"},
		{"DEL unescaped", "\"\x7f\"", exactjson.String, "\x7f"},
		{"names that differ in case", `{"a":1,"A":2}`, exactjson.Object, ""},
		{"one name at two depths", `{"a":{"a":1}}`, exactjson.Object, ""},
		{"one name in two elements", `[{"a":1},{"a":1}]`, exactjson.Array, ""},
		{"the greatest depth", strings.Repeat("[", 32) + strings.Repeat("]", 32), exactjson.Array, ""},
		{"the longest number", strings.Repeat("1", 64), exactjson.Number, strings.Repeat("1", 64)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := exactjson.Decode([]byte(test.input), exactjson.Limits{})
			if err != nil || got.Kind != test.kind || got.Text != test.text {
				t.Errorf("got %s %q, %v; want %s %q", got.Kind, got.Text, err, test.kind, test.text)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat("[", 33)
	tests := []struct {
		name, input string
		offset      int
		reason      error
	}{
		{"a truncated object", `{"a":1`, 6, exactjson.ErrSyntax},
		{"a truncated string", `"abc`, 4, exactjson.ErrSyntax},
		{"a truncated escape", `"\`, 2, exactjson.ErrSyntax},
		{"a truncated word", `tru`, 0, exactjson.ErrSyntax},
		{"a word in upper case", `True`, 0, exactjson.ErrSyntax},
		{"a comma at the end of an object", `{"a":1,}`, 7, exactjson.ErrSyntax},
		{"a comma at the end of an array", `[1,]`, 3, exactjson.ErrSyntax},
		{"a missing comma", `[1 2]`, 3, exactjson.ErrSyntax},
		{"a missing colon", `{"a" 1}`, 5, exactjson.ErrSyntax},
		{"a name without quotes", `{a:1}`, 1, exactjson.ErrSyntax},
		{"brackets that don't match", `[1}`, 2, exactjson.ErrSyntax},
		{"a single quote", `'a'`, 0, exactjson.ErrSyntax},
		{"a comment", `/**/1`, 0, exactjson.ErrSyntax},
		{"a byte order mark", "\uFEFF1", 0, exactjson.ErrSyntax},
		{"a zero in front", `[01]`, 2, exactjson.ErrSyntax},
		{"a plus in front", `+1`, 0, exactjson.ErrSyntax},
		{"a dot in front", `.5`, 0, exactjson.ErrSyntax},
		{"a dot at the end", `5.`, 2, exactjson.ErrSyntax},
		{"an exponent without digits", `1e+`, 3, exactjson.ErrSyntax},
		{"a lone minus", `-`, 1, exactjson.ErrSyntax},
		{"not a number", `NaN`, 0, exactjson.ErrSyntax},
		{"infinity", `-Infinity`, 1, exactjson.ErrSyntax},
		{"a line end in a string", "\"a\nb\"", 2, exactjson.ErrSyntax},
		{"a tab after an escape", "\"\\n\t\"", 3, exactjson.ErrSyntax},
		{"an unknown escape", `"\x41"`, 1, exactjson.ErrSyntax},
		{"a bad hexadecimal digit", `"\u00g0"`, 1, exactjson.ErrSyntax},
		{"a second value", `{} {}`, 3, exactjson.ErrTrailingData},
		{"a bracket too many", `[]]`, 2, exactjson.ErrTrailingData},
		{"NUL behind the value", "{}\x00", 2, exactjson.ErrTrailingData},
		{"a duplicate name", `{"a":1,"a":1}`, 7, exactjson.ErrDuplicateName},
		{"a duplicate name, escaped", `{"a":1,"\u0061":1}`, 7, exactjson.ErrDuplicateName},
		{"a duplicate name deep inside", `[{"b":{"a":1,"a":1}}]`, 13, exactjson.ErrDuplicateName},
		{"a broken byte", "[\"a\xff\"]", 3, exactjson.ErrUTF8},
		{"a surrogate in UTF-8", "\"\xed\xa0\x80\"", 1, exactjson.ErrUTF8},
		{"an overlong NUL", "\"\xc0\x80\"", 1, exactjson.ErrUTF8},
		{"a truncated character behind U+FFFD", "\"\uFFFD\xe9\x80\"", 4, exactjson.ErrUTF8},
		{"an escaped NUL", `["a\u0000"]`, 3, exactjson.ErrForbiddenCharacter},
		{"an escaped NUL in a name", `{"\u0000":1}`, 2, exactjson.ErrForbiddenCharacter},
		{"a raw NUL", "\"\x00\"", 1, exactjson.ErrForbiddenCharacter},
		{"a high surrogate alone", `"\ud800"`, 1, exactjson.ErrForbiddenCharacter},
		{"a high surrogate before text", `"\ud800abcdef"`, 1, exactjson.ErrForbiddenCharacter},
		{"two high surrogates", `"\ud800\ud800"`, 1, exactjson.ErrForbiddenCharacter},
		{"a high surrogate before a bad escape", `"\ud800\u00zz"`, 1, exactjson.ErrForbiddenCharacter},
		{"a low surrogate alone", `"\udc00"`, 1, exactjson.ErrForbiddenCharacter},
		{"a pair in the wrong order", `"\udc00\ud800"`, 1, exactjson.ErrForbiddenCharacter},
		{"one level too many", deep, 32, exactjson.ErrTooDeep},
		{"a number too long", "[" + strings.Repeat("1", 65) + "]", 1, exactjson.ErrTooLarge},
		{"a body too large", strings.Repeat(" ", exactjson.DefaultBytes+1), exactjson.DefaultBytes, exactjson.ErrTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := exactjson.Decode([]byte(test.input), exactjson.Limits{})
			want := &exactjson.Error{Offset: test.offset, Reason: test.reason}
			var failure *exactjson.Error
			if !errors.As(err, &failure) || *failure != *want || !errors.Is(err, test.reason) {
				t.Errorf("got %v, want %v", err, want)
			}
			if got.Kind != exactjson.Absent {
				t.Errorf("a value came with the error: %+v", got)
			}
		})
	}
}

func TestDecodeHoldsToTheLimitsOfTheCaller(t *testing.T) {
	tests := []struct {
		name, input string
		limits      exactjson.Limits
		reason      error
	}{
		{"as many bytes as allowed", "[1]", exactjson.Limits{Bytes: 3}, nil},
		{"one byte more", "[12]", exactjson.Limits{Bytes: 3}, exactjson.ErrTooLarge},
		{"as deep as allowed", `{"a":[]}`, exactjson.Limits{Depth: 2}, nil},
		{"one level more", `{"a":[[]]}`, exactjson.Limits{Depth: 2}, exactjson.ErrTooDeep},
		{"as many values as allowed", `[1,2]`, exactjson.Limits{Values: 3}, nil},
		{"one value more", `[1,2,3]`, exactjson.Limits{Values: 3}, exactjson.ErrTooLarge},
		{"a number as long as allowed", `-1.5`, exactjson.Limits{NumberBytes: 4}, nil},
		{"one digit more", `-1.55`, exactjson.Limits{NumberBytes: 4}, exactjson.ErrTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := exactjson.Decode([]byte(test.input), test.limits); !errors.Is(err, test.reason) {
				t.Errorf("got %v, want %v", err, test.reason)
			}
		})
	}
}

func TestDuplicatesAreFoundAmongManyNames(t *testing.T) {
	const count = 100
	var members []string
	for i := range count {
		members = append(members, `"n`+strconv.Itoa(i)+`":0`)
	}
	if _, err := exactjson.Decode([]byte("{"+strings.Join(members, ",")+"}"), exactjson.Limits{}); err != nil {
		t.Fatalf("%d different names: %v", count, err)
	}
	for i := range count {
		body := "{" + strings.Join(members, ",") + "," + members[i] + "}"
		if _, err := exactjson.Decode([]byte(body), exactjson.Limits{}); !errors.Is(err, exactjson.ErrDuplicateName) {
			t.Errorf("name %d again: %v", i, err)
		}
	}
}

func TestGet(t *testing.T) {
	object, err := exactjson.Decode([]byte(`{"a":null,"b":2}`), exactjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, member string
		kind         exactjson.Kind
		found        bool
	}{
		{"a number is found", "b", exactjson.Number, true},
		{"null is found", "a", exactjson.Null, true},
		{"the case of letters counts", "B", exactjson.Absent, false},
		{"what is not there is absent", "c", exactjson.Absent, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, found := object.Get(test.member); got.Kind != test.kind || found != test.found {
				t.Errorf("got %s, %v; want %s, %v", got.Kind, found, test.kind, test.found)
			}
		})
	}
	if _, found := (exactjson.Value{Kind: exactjson.Array}).Get("a"); found {
		t.Error("an array has a member")
	}
}

func TestErrorTextHasReasonAndPosition(t *testing.T) {
	_, err := exactjson.Decode([]byte(`{"secret":1,"secret":2}`), exactjson.Limits{})
	if want := "duplicate name in JSON object at byte 12"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
