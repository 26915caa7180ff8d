package form_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/form"
)

// FuzzParse holds for any input: where net/url reads it too, both find the same
// values under the same keys, in the same order. (They differ on purpose on
// broken escapes, on semicolons and on text that is no UTF-8.)
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a=1&a=2&b", "a%5Bb%5D=c+d%20e", "=&&x", "description=Refund Description", "a=b=c&%E9%80%80=%00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, standard := url.ParseQuery(string(raw))
		pairs, err := form.Parse(raw, form.Limits{})
		if err != nil || standard != nil || strings.Contains(string(raw), ";") {
			return
		}
		got := url.Values{}
		for _, pair := range pairs {
			got[pair.Key] = append(got[pair.Key], pair.Value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q: (-net/url +form)\n%s", raw, diff)
		}
	})
}
