package exactjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/exactjson"
)

// plain turns a value into what encoding/json makes with UseNumber.
func plain(v exactjson.Value) any {
	switch v.Kind {
	case exactjson.Bool:
		return v.Text == "true"
	case exactjson.Number:
		return json.Number(v.Text)
	case exactjson.String:
		return v.Text
	case exactjson.Array:
		items := []any{}
		for _, item := range v.Items {
			items = append(items, plain(item))
		}
		return items
	case exactjson.Object:
		members := map[string]any{}
		for _, member := range v.Members {
			members[member.Name] = plain(member.Value)
		}
		return members
	}
	return nil
}

// checkRaw fails if the bytes of any value in the tree read as another value.
func checkRaw(t *testing.T, v exactjson.Value) {
	again, err := exactjson.Decode(v.Raw, exactjson.Limits{})
	if err != nil || !cmp.Equal(v, again) {
		t.Fatalf("%q reads as %+v, %v", v.Raw, again, err)
	}
	for _, item := range v.Items {
		checkRaw(t, item)
	}
	for _, member := range v.Members {
		checkRaw(t, member.Value)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{"a":[1.50,-2e3,"\ud83d\ude00\u0000"],"b":{"a":true}}`, `{"a":1,"a":2}`, "\"\xff\"", `[[[]],01]`, `{} 1`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := exactjson.Decode(data, exactjson.Limits{})
		standard := json.Valid(data)
		switch {
		case err == nil && v.Kind == exactjson.Absent:
			if len(bytes.Trim(data, " \t\r\n")) != 0 {
				t.Fatalf("nothing was found in %q", data)
			}
		case err == nil:
			if !standard {
				t.Fatalf("accepted %q, which encoding/json refuses", data)
			}
			decoder := json.NewDecoder(bytes.NewReader(data))
			decoder.UseNumber()
			var want any
			if err := decoder.Decode(&want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, plain(v)); diff != "" {
				t.Fatalf("%q: (-want +got)\n%s", data, diff)
			}
			checkRaw(t, v)
		case errors.Is(err, exactjson.ErrSyntax), errors.Is(err, exactjson.ErrTrailingData):
			if standard {
				t.Fatalf("refused %q, which encoding/json accepts: %v", data, err)
			}
		}
		var failure *exactjson.Error
		if errors.As(err, &failure) && (failure.Offset < 0 || failure.Offset > len(data)) {
			t.Fatalf("offset %d in %d bytes", failure.Offset, len(data))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	body := []byte(`{"amount":100,"description":"Refund Description","metadata":{"order":"20260101","color":"red"},"funding_source":"unsettled_funds"}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := exactjson.Decode(body, exactjson.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
