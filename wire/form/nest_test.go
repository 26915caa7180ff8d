package form_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/form"
)

func TestNest(t *testing.T) {
	tests := []struct{ name, input, want string }{
		{"nothing is an empty object", "", `{}`},
		{"every scalar is a string", "amount=100&live=true", `{"amount":"100","live":"true"}`},
		{"maps keep their order", "m[b]=1&x=2&m[a]=3", `{"m":{"b":"1","a":"3"},"x":"2"}`},
		{"maps in maps", "a[b][c]=1&a[b][d]=2", `{"a":{"b":{"c":"1","d":"2"}}}`},
		{"PHP, Python, Ruby and Node: empty brackets", "expand[]=app&expand[]=x", `{"expand":["app","x"]}`},
		{"Java and C#: indexes", "expand[0]=app&expand[1]=x", `{"expand":["app","x"]}`},
		{"indexes in another order", "a[2]=z&a[0]=x&a[1]=y", `{"a":["x","y","z"]}`},
		{"Node: a repeated key", "a=1&b=x&a=2&a=2", `{"a":["1","2","2"],"b":"x"}`},
		{"Python: a list of maps", "a[][k]=1&a[][j]=2&a[][k]=3&a[][j]=4", `{"a":[{"k":"1","j":"2"},{"k":"3","j":"4"}]}`},
		{"Java: a list of maps", "a[0][k]=1&a[1][k]=3&a[0][j]=2", `{"a":[{"k":"1","j":"2"},{"k":"3"}]}`},
		{"a list in a map in a list", "a[][k][]=1&a[][k][]=2&a[][j]=3&a[][j]=4", `{"a":[{"k":["1","2"],"j":"3"},{"j":"4"}]}`},
		{"maps in a map in a list", "a[][m][x]=1&a[][m][y]=2&a[][m][x]=3", `{"a":[{"m":{"x":"1","y":"2"}},{"m":{"x":"3"}}]}`},
		{"a list in a map", "a[b][]=1&a[b][]=2", `{"a":{"b":["1","2"]}}`},
		{"numbers that leave a gap are names", "metadata[2026]=x", `{"metadata":{"2026":"x"}}`},
		{"a huge index costs nothing", "a[999999999999]=x", `{"a":{"999999999999":"x"}}`},
		{"a zero in front is a name", "a[00]=x", `{"a":{"00":"x"}}`},
		{"numbers among names are names", "m[0]=x&m[color]=red", `{"m":{"0":"x","color":"red"}}`},
		{"the top is an object even of numbers", "0=a&1=b", `{"0":"a","1":"b"}`},
		{"an empty value stays", "metadata=&a[]=", `{"metadata":"","a":[""]}`},
		{"text is escaped in Raw", "a[\"%0A]=<退\\>", `{"a":{"\"\n":"<退\\>"}}`},
		{"names that differ in case", "a=1&A=2", `{"a":"1","A":"2"}`},
		{"encoded brackets join literal ones", "m%5Ba%5D=1&m[b]=2", `{"m":{"a":"1","b":"2"}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pairs, err := form.Parse([]byte(test.input), form.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := form.Nest(pairs)
			if err != nil {
				t.Fatal(err)
			}
			want, err := exactjson.Decode([]byte(test.want), exactjson.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("got %s, want %s (-want +got)\n%s", got.Raw, test.want, diff)
			}
		})
	}
}

func TestNestRefuses(t *testing.T) {
	tests := []struct {
		name, input string
		want        form.Error
	}{
		{"a map where a scalar is", "a=1&a[b]=2", form.Error{Pair: 1, Key: "a[b]", Reason: form.ErrConflict}},
		{"a scalar where a map is", "a[b]=2&a=1", form.Error{Pair: 1, Key: "a", Reason: form.ErrConflict}},
		{"a map where a repeated key is", "a=1&a=2&a[b]=3", form.Error{Pair: 2, Key: "a[b]", Reason: form.ErrConflict}},
		{"a list where a scalar is", "a=1&a[]=2", form.Error{Pair: 1, Key: "a[]", Reason: form.ErrConflict}},
		{"a scalar where a list is", "a[]=1&a=2", form.Error{Pair: 1, Key: "a", Reason: form.ErrConflict}},
		{"an index where a list is", "a[]=1&a[0]=2", form.Error{Pair: 1, Key: "a[0]", Reason: form.ErrConflict}},
		{"a list where an index is", "a[0]=1&a[]=2", form.Error{Pair: 1, Key: "a[]", Reason: form.ErrConflict}},
		{"a map where a scalar is in a map", "a[b]=1&a[b][c]=2", form.Error{Pair: 1, Key: "a[b][c]", Reason: form.ErrConflict}},
		{"a map where a scalar is in a list", "a[][b]=1&a[][b][c]=2", form.Error{Pair: 1, Key: "a[][b][c]", Reason: form.ErrConflict}},
		{"a scalar twice in a map", "a[b]=1&a[b]=2", form.Error{Pair: 1, Key: "a[b]", Reason: form.ErrDuplicate}},
		{"an index twice", "a[0]=1&a[0]=2", form.Error{Pair: 1, Key: "a[0]", Reason: form.ErrDuplicate}},
		{"a scalar twice in an indexed map", "a[0][k]=1&a[0][k]=2", form.Error{Pair: 1, Key: "a[0][k]", Reason: form.ErrDuplicate}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pairs, err := form.Parse([]byte(test.input), form.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = form.Nest(pairs)
			var got *form.Error
			if !errors.As(err, &got) || *got != test.want {
				t.Errorf("got %v, want %v", err, &test.want)
			}
		})
	}
}

func TestNestRefusesABrokenKeyThatDidNotComeFromParse(t *testing.T) {
	if _, err := form.Nest([]form.Pair{{Key: "a[", Value: "1"}}); !errors.Is(err, form.ErrKey) {
		t.Errorf("got %v, want %v", err, form.ErrKey)
	}
}

func TestErrorTextNamesPairAndKey(t *testing.T) {
	_, err := form.Nest([]form.Pair{{"a[b]", "1"}, {"a[b]", "2"}})
	if want := `duplicate key at pair 1 "a[b]"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = form.Parse([]byte("=1"), form.Limits{})
	if want := `malformed key at pair 0`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// scalars counts the strings in a tree, and fails on what a form can't hold.
func scalars(t *testing.T, v exactjson.Value) int {
	count := 0
	switch v.Kind {
	case exactjson.String:
		count++
	case exactjson.Array:
		for _, item := range v.Items {
			count += scalars(t, item)
		}
	case exactjson.Object:
		for _, member := range v.Members {
			count += scalars(t, member.Value)
		}
	default:
		t.Fatalf("a %s in the tree of a form", v.Kind)
	}
	return count
}

func FuzzNest(f *testing.F) {
	for _, seed := range []string{
		"a[b]=1&a[c][d]=2", "a[]=1&a[]=2", "a[1]=x&a[0]=y", "a=1&a=2&a=3", "a[][k]=1&a[][k]=2", "a%5Bb%5D=%E9%80%80+x", "a=1&a[b]=2", "&=&a",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		pairs, err := form.Parse(raw, form.Limits{})
		if err != nil {
			return
		}
		var encoded []string
		for _, pair := range pairs {
			encoded = append(encoded, url.QueryEscape(pair.Key)+"="+url.QueryEscape(pair.Value))
		}
		again, err := form.Parse([]byte(strings.Join(encoded, "&")), form.Limits{})
		// Encoding can triple the length, but the input is far below the limit.
		if err != nil || !cmp.Equal(pairs, again) {
			t.Fatalf("%q encoded again gives %q, %v", pairs, again, err)
		}
		tree, err := form.Nest(pairs)
		if err != nil {
			var failure *form.Error
			if !errors.As(err, &failure) {
				t.Fatalf("an error of another type: %v", err)
			}
			return
		}
		if tree.Kind != exactjson.Object || !json.Valid(tree.Raw) {
			t.Fatalf("%s %q", tree.Kind, tree.Raw)
		}
		if got := scalars(t, tree); got != len(pairs) {
			t.Fatalf("%d pairs became %d scalars: %s", len(pairs), got, tree.Raw)
		}
	})
}
