package exactjson_test

import (
	"encoding/json"
	"testing"

	"github.com/refundry/refundry/wire/exactjson"
)

func TestAppendString(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", `""`},
		{"HTML is left alone", `<a href='x'>&/`, `"<a href='x'>&/"`},
		{"quotes and backslashes", `"\`, `"\"\\"`},
		{"control characters", "\x00\x01\b\t\n\f\r\x1f\x7f", `"\u0000\u0001\b\t\n\f\r\u001f` + "\x7f\""},
		{"Chinese is left alone", "退款\n成功", `"退款\n成功"`},
		{"JavaScript's line ends are left alone", "\u2028\u2029", "\"\u2028\u2029\""},
		{"broken bytes are replaced one by one", "a\xff\xfeb", "\"a\uFFFD\uFFFDb\""},
		{"U+FFFD that was meant stays", "\uFFFD", "\"\uFFFD\""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(exactjson.AppendString([]byte("x"), test.text)); got != "x"+test.want {
				t.Errorf("got %s, want x%s", got, test.want)
			}
		})
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"\\\n\x00é\xff")
	f.Fuzz(func(t *testing.T, text string) {
		written := exactjson.AppendString(nil, text)
		standard, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var got, want string
		if err := json.Unmarshal(written, &got); err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		if err := json.Unmarshal(standard, &want); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s reads as %q, want %q", written, got, want)
		}
	})
}
