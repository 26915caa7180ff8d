package pingpp

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestListsAsClientsReadThem(t *testing.T) {
	tests := []struct {
		name string
		list List[string]
		want string
	}{
		{
			"a list without items has an empty array and never more",
			List[string]{URL: "/v1/events", HasMore: true},
			`{"object":"list","url":"/v1/events","has_more":false,"data":[]}`,
		},
		{
			"a list with items keeps has_more",
			List[string]{URL: "/v1/events", HasMore: true, Data: []string{"a"}},
			`{"object":"list","url":"/v1/events","has_more":true,"data":["a"]}`,
		},
		{"a list without an address is refused", List[string]{}, ""},
		{"an absolute address is refused", List[string]{URL: "https://api.example/v1/charges"}, ""},
		{"an address with a query is refused", List[string]{URL: "/v1/charges?limit=3"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Marshal(test.list)
			if test.want == "" {
				if !errors.Is(err, ErrListURL) {
					t.Errorf("got %s, %v, want ErrListURL", got, err)
				}
				return
			}
			if err != nil || string(got) != test.want {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestAChargeEmbedsItsRefundsEvenWhenThereAreNone(t *testing.T) {
	got, err := Marshal(Charge{ID: "ch_L8qn10mLmr1GS8e5OODmHaL4"})
	want := `"refunds":{"object":"list","url":"/v1/charges/ch_L8qn10mLmr1GS8e5OODmHaL4/refunds","has_more":false,"data":[]}`
	if err != nil || !strings.Contains(string(got), want) {
		t.Errorf("got %s, %v, want %s in it", got, err, want)
	}
}

func TestPaths(t *testing.T) {
	for got, want := range map[string]string{
		ChargesPath():         "/v1/charges",
		EventsPath():          "/v1/events",
		RefundsPath("ch_1"):   "/v1/charges/ch_1/refunds",
		RefundsPath("ch_?/#"): "/v1/charges/ch_%3F%2F%23/refunds",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestEventsAsWebhooksCarryThem(t *testing.T) {
	request := "iar_qH4y1KbTy5eLGm1uHSTS00s"
	event := Event{
		ID: "evt_401150101000000000000000", Created: 1409634192, Type: EventRefundSucceeded,
		Data: EventData{Object: json.RawMessage(`{"object":"refund"}`)}, PendingWebhooks: 1, Request: &request,
	}
	got, err := Marshal(event)
	want := `{"id":"evt_401150101000000000000000","created":1409634192,"livemode":false,"type":"refund.succeeded",` +
		`"data":{"object":{"object":"refund"}},"object":"event","pending_webhooks":1,"request":"iar_qH4y1KbTy5eLGm1uHSTS00s"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	for _, missing := range []string{"", "null", "[]", `"refund"`} {
		event.Data.Object = json.RawMessage(missing)
		if got, err := Marshal(event); !errors.Is(err, ErrNotObject) {
			t.Errorf("data.object %q: got %s, %v, want ErrNotObject", missing, got, err)
		}
	}
}

func TestWebhookRetriesGrowAndLastAboutADay(t *testing.T) {
	var previous, total time.Duration
	for _, delay := range WebhookRetryDelays() {
		if delay <= previous {
			t.Errorf("%v follows %v", delay, previous)
		}
		previous, total = delay, total+delay
	}
	if want := 24*time.Hour + 47*time.Minute + 15*time.Second; total != want {
		t.Errorf("the retries last %v, want %v", total, want)
	}
}
