package verify

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// What is read without being decoded is what decoding would give.
func TestNamesThatAreNotDecodedAreTheSame(t *testing.T) {
	for name, aliases := range map[string][]refund.Alias{
		"one":     {{Dialect: "pingpp", Identity: "app_1", Name: "ch_1"}},
		"a sub":   {{Dialect: "pingpp", Identity: "app_1", Sub: "or_1", Name: "ch_1"}, {Dialect: "wallet", Identity: "w", Name: "n"}},
		"no name": {{Dialect: "wallet"}},
		"odd":     {{Dialect: "wallet", Identity: `w","sub":"s`, Name: "n"}},
		"escaped": {{Dialect: "wallet", Identity: "<w>", Name: "n"}},
		"letters": {{Dialect: "wallet", Identity: "w", Name: "订单"}},
	} {
		want, err := json.Marshal(aliases)
		if err != nil {
			t.Fatal(err)
		}
		if text, plain := aliasText(aliases); plain && text != string(want) && name != "escaped" {
			t.Errorf("%s: %s, not %s", name, text, want)
		}
		var read []refund.Alias
		if text, plain := aliasText(aliases); plain && json.Unmarshal([]byte(text), &read) == nil && !cmp.Equal(read, aliases) {
			t.Errorf("%s: its text stands for %v", name, read)
		}
	}
	if _, plain := aliasText([]refund.Alias{{Dialect: "wallet", Identity: `w","sub":"s`, Name: "n"}}); plain {
		t.Error("a name with quotes is plain")
	}
}

func TestPartsThatAreNotDecodedAreTheSame(t *testing.T) {
	fee := money.Minor(3)
	for _, text := range []string{
		`{"payer":100}`, `{"payer":0}`, `{"payer":-5}`, `{"payer":007}`, `{"payer":}`, `{"payer":1.5}`, `{"payer":9223372036854775807}`,
		`{"payer":9223372036854775808}`, `{"payer":100,"fee":3}`, `{"payer":100}}`, `{"payer":1 }`, `{`, ``, `{}`, `{"payer":1e2}`,
	} {
		var want refund.Parts
		wantErr := json.Unmarshal([]byte(text), &want)
		got, err := readParts(text)
		if (err == nil) != (wantErr == nil) || err == nil && !cmp.Equal(got, want) {
			t.Errorf("%q is %+v, %v, not %+v, %v", text, got, err, want, wantErr)
		}
	}
	if got, err := readParts(`{"payer":100,"fee":3}`); err != nil || got.Fee == nil || *got.Fee != fee {
		t.Errorf("%+v, %v", got, err)
	}
}
