package dialect_test

import (
	"testing"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/wire/exactjson"
)

func TestAWritesContentIsWhatItSaysHoweverItIsWritten(t *testing.T) {
	content := func(body string) string {
		t.Helper()
		v, err := exactjson.Decode([]byte(body), exactjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return dialect.WriteContent(v)
	}
	for name, same := range map[string][2]string{
		"nothing and an empty object": {"", "{}"},
		"members in another order":    {`{"a": 1, "b": {"c": 2, "d": 3}}`, `{"b":{"d":3,"c":2},"a":1}`},
		"blanks":                      {`[ 1, 2 ]`, "[1,\n2]"},
		"escapes":                     {`{"a": "款"}`, `{"\u0061": "\u6b3e"}`},
	} {
		if content(same[0]) != content(same[1]) {
			t.Errorf("%s: %s and %s", name, same[0], same[1])
		}
	}
	for name, other := range map[string][2]string{
		"another number":          {`{"a": 1}`, `{"a": 1.0}`},
		"a number and a text":     {`{"a": 1}`, `{"a": "1"}`},
		"null and left out":       {`{"a": null}`, `{}`},
		"null and its text":       {`{"a": null}`, `{"a": ""}`},
		"a list in another order": {`[1, 2]`, `[2, 1]`},
		"a longer list":           {`[[1], 2]`, `[[1, 2]]`},
		"a quote in a text":       {`{"a": "1 \"b\""}`, `{"a": "1", "b": ""}`},
		"another name":            {`{"a": 1}`, `{"A": 1}`},
		"a list and an object":    {`[]`, `{}`},
		"true and its text":       {`[true]`, `["true"]`},
	} {
		if content(other[0]) == content(other[1]) {
			t.Errorf("%s: %s and %s", name, other[0], other[1])
		}
	}
}
