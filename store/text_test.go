package store

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// FuzzTexts holds that columns are read as encoding/json reads them, whatever their form.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{
		`[{"dialect":"native","identity":"","name":"ch_1"},{"dialect":"pingpp","identity":"app_1","sub":"o","name":"ch_2"}]`,
		`{"key":"key_1","dialect":"pingpp","identity":"app_1","address":"127.0.0.1","request_id":"iar_1"}`, `{"key":"\u0061","behind":{}}`,
		`{"payer":100}`, `{"payer":-5,"fee":0}`, `{"payer":1,"coupons":[2]}`, `{"payer":1e2}`, `{"payer":01}`, `{"payer":9223372036854775808}`, `{"payer":1,"payer":2}`,
		`[]`, `{}`, ``, `null`, `[{"name":"ключ"}]`, `[{"name":"\""}]`, "[{\"name\":\"\xff\"}]", `[{"name":null}]`, `[{"Name":"x"}]`, `[{"name":"x"},]`, `[{"name":"x"}`,
		`[{"name":"x"}]x`, `[{"name":"x",}]`, `[{"name" :"x"}]`, `[{"name":1}]`, `{"payer":"1"}`, `{"payer":-0}`, `{"key":true}`, `{"key"}`, `{"payer":`, `{"payer":}`, `{,`, `{"payer":1]`,
		"{\"key\":\"a\nb\"}", `{"dialect":"x"}{`, `[{}]`, `[{"name":"x"}{"name":"y"}]`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		same(t, text, aliasesOf)
		same(t, text, askerOf)
		same(t, text, partsOf)
	})
}

func same[T any](t *testing.T, text string, read func(string) (T, error)) {
	t.Helper()
	var want T
	wantErr := fromJSON(text, &want)
	got, err := read(text)
	if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("%q is %+v (%v), not %+v (%v)", text, got, err, want, wantErr)
	}
}

func TestWrittenTextsAreReadWithoutReflection(t *testing.T) {
	fee := money.Minor(3)
	aliases, err := jsonText([]refund.Alias{{Dialect: "wechatpay", Identity: "1900000001", Sub: "o1", Name: "T<1>"}, {Dialect: "native", Name: "单"}})
	if found, ok := flatAliases(aliases); err != nil || !ok || len(found) != 2 || found[0].Sub != "o1" || found[1].Name != "单" {
		t.Errorf("%s: %+v %v %v", aliases, found, ok, err)
	}
	for _, one := range []any{refund.Parts{Payer: 5, Fee: &fee}, refund.Asker{Key: "k", Dialect: "d", Identity: "i", Address: "a", RequestID: "r"}} {
		text, err := jsonText(one)
		if rest, ok := flatObject(text, func(string, string, bool) bool { return true }); err != nil || !ok || rest != "" {
			t.Errorf("%s: %q %v %v", text, rest, ok, err)
		}
	}
}

func TestContentsAreWrittenAsJSON(t *testing.T) {
	for _, contents := range [][]refund.Content{
		{}, {{}}, {nil}, {{"charge": "ch_1", "amount": "100"}}, {{"b": "<\"\\\n\x01>", "a": "付"}, {"": ""}},
	} {
		var got, want []refund.Content
		text, err := jsonText(contents)
		if err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal([]byte(contentsText(contents)), &got) != nil || json.Unmarshal([]byte(text), &want) != nil || len(got) != len(want) {
			t.Fatalf("%s is not %s", contentsText(contents), text)
		}
		for n := range got {
			if !refund.SameContent(got[n], want[n]) {
				t.Errorf("%s is not %s", contentsText(contents), text)
			}
		}
	}
}

func BenchmarkAliases(b *testing.B) {
	const text = `[{"dialect":"pingpp","identity":"app_1","name":"ch_abcdefghijklmnopqrstuvwx"},{"dialect":"payin","identity":"m","name":"ch_abcdefghijklmnopqrstuvwx"}]`
	b.ReportAllocs()
	for b.Loop() {
		_, _ = aliasesOf(text)
	}
}
