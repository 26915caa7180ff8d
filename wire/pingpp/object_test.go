package pingpp

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestExamplesOfThePagesAreWrittenByteForByte(t *testing.T) {
	checkRoundTrip[Refund](t, "refund.json")
	checkRoundTrip[Charge](t, "charge.json")
}

// checkRoundTrip decodes the example, refusing members that the struct lacks,
// and expects Marshal to give back every member in the same order.
func checkRoundTrip[T any](t *testing.T, name string) {
	t.Helper()
	example := readFile(t, name)
	decoder := json.NewDecoder(bytes.NewReader(example))
	decoder.DisallowUnknownFields()
	var object T
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	got, err := Marshal(object)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, example); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want.Bytes())
	}
}

func TestEmptyObjectsHaveEveryMemberAndNullOnlyWhereAllowed(t *testing.T) {
	tests := []struct {
		name      string
		object    any
		members   string // in order
		null      string
		emptyMaps string
	}{
		{
			"a refund has the 17 members of the newer page",
			Refund{},
			"id object order_no amount created succeed status time_succeed description failure_code failure_msg " +
				"metadata charge charge_order_no transaction_no funding_source extra",
			"time_succeed failure_code failure_msg transaction_no funding_source", "metadata extra",
		},
		{
			"a charge has 28 members",
			Charge{},
			"id object created livemode paid refunded reversed app channel order_no client_ip amount amount_settle " +
				"currency subject body extra time_paid time_expire time_settle transaction_no refunds " +
				"amount_refunded failure_code failure_msg metadata credential description",
			"time_paid time_settle transaction_no failure_code failure_msg description", "extra metadata credential",
		},
		{
			"an event has the members of the webhook sample",
			Event{Data: EventData{Object: json.RawMessage(`{}`)}},
			"id created livemode type data object pending_webhooks request", "request", "",
		},
		{
			"a list has four members",
			List[Refund]{URL: "/v1/charges"},
			"object url has_more data", "", "",
		},
		{
			"an error without code and param leaves them out",
			Error{},
			"type message", "", "",
		},
		{
			"an error with code and param has four members",
			Error{Code: "c", Param: "p"},
			"type message code param", "", "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			names, values := members(t, test.object)
			if got := strings.Join(names, " "); got != test.members {
				t.Errorf("members\n got %s\nwant %s", got, test.members)
			}
			var null, emptyMaps []string
			for i, value := range values {
				switch string(value) {
				case "null":
					null = append(null, names[i])
				case "{}":
					emptyMaps = append(emptyMaps, names[i])
				}
			}
			if got := strings.Join(null, " "); got != test.null {
				t.Errorf("null members: got %q, want %q", got, test.null)
			}
			if got := strings.Join(emptyMaps, " "); got != test.emptyMaps {
				t.Errorf("empty maps: got %q, want %q", got, test.emptyMaps)
			}
		})
	}
}

func TestMembersThatMustBeObjects(t *testing.T) {
	tests := []struct {
		name, raw, want string
	}{
		{"nothing becomes an empty object", "", "{}"},
		{"null becomes an empty object", " null ", "{}"},
		{"the empty list of PHP becomes an empty object", "[ ]", "{}"},
		{"an object keeps its order and its numbers", `{"z":1.0,"a":1e2}`, `{"z":1.0,"a":1e2}`},
		{"a filled list is refused", `[1]`, ""},
		{"a string is refused", `"x"`, ""},
		{"a broken object is refused", `{`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			raw := json.RawMessage(test.raw)
			objects := map[string][]any{
				"metadata":   {Refund{Metadata: raw}, Charge{Metadata: raw}},
				"extra":      {Refund{Extra: raw}, Charge{Extra: raw}},
				"credential": {Charge{Credential: raw}},
			}
			for member, holders := range objects {
				for _, holder := range holders {
					text, err := Marshal(holder)
					if test.want == "" {
						if err == nil {
							t.Errorf("%T with %s: got %s, want an error", holder, member, text)
						}
						continue
					}
					if want := `"` + member + `":` + test.want; err != nil || !strings.Contains(string(text), want) {
						t.Errorf("%T: got %s, %v, want %s in it", holder, text, err, want)
					}
				}
			}
			if string(raw) != test.raw {
				t.Errorf("the caller's bytes became %s", raw)
			}
		})
	}
}

func TestAFilledListWhereAnObjectBelongsIsNamedAsSuch(t *testing.T) {
	_, err := Marshal(Charge{Extra: json.RawMessage("[1]")})
	if !errors.Is(err, ErrNotObject) {
		t.Errorf("got %v, want ErrNotObject", err)
	}
}

func TestMarshalLeavesTextAsItIs(t *testing.T) {
	refund := Refund{Description: "苹果 <b> & '1' > 0", Metadata: json.RawMessage(`{"链接": "a&b<c>"}`)}
	got, err := Marshal(refund)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"description":"苹果 <b> & '1' > 0"`, `"metadata":{"链接":"a&b<c>"}`} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
	if bytes.HasSuffix(got, []byte("\n")) {
		t.Error("there is a newline at the end")
	}
	if _, err := Marshal(func() {}); err == nil {
		t.Error("a function was marshalled")
	}
}

func TestAppIsAStringUnlessExpanded(t *testing.T) {
	tests := []struct {
		name string
		app  AppReference
		want string
	}{
		{"an id is a string", AppReference{ID: "app_1Gqj58ynP0mHeX1q"}, `"app_1Gqj58ynP0mHeX1q"`},
		{
			"an expanded app is an object",
			AppReference{ID: "app_1Gqj58ynP0mHeX1q", Expanded: &App{ID: "app_1Gqj58ynP0mHeX1q", Object: "app"}},
			`{"id":"app_1Gqj58ynP0mHeX1q","object":"app"}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Marshal(test.app)
			if err != nil || string(got) != test.want {
				t.Fatalf("got %s, %v, want %s", got, err, test.want)
			}
			var back AppReference
			if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, test.app) {
				t.Errorf("read back %+v, %v, want %+v", back, err, test.app)
			}
		})
	}
	for _, broken := range []string{`1`, `[]`, `{"id":1}`} {
		if err := json.Unmarshal([]byte(broken), new(AppReference)); err == nil {
			t.Errorf("%s was read as an app", broken)
		}
	}
}

// members marshals an object and returns its member names in order and their
// raw values.
func members(t *testing.T, object any) (names []string, values []json.RawMessage) {
	t.Helper()
	text, err := Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		names, values = append(names, name.(string)), append(values, value)
	}
	return names, values
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
