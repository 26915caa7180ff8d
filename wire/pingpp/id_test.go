package pingpp

import (
	"strings"
	"testing"
)

const tail = "L8qn10mLmr1GS8e5OODmHaL4"

var shapes = []struct {
	name string
	is   func(string) bool
	yes  []string
	no   []string
}{
	{
		"a charge is ch_ and 24 letters or digits", IsChargeID,
		[]string{"ch_" + tail},
		[]string{"", "ch_", tail, "ch_" + tail[1:], "ch_" + tail + "0", "re_" + tail, "CH_" + tail, "ch_L8qn10mLmr1GS8e5OODmHa-4"},
	},
	{
		"a refund is re_ and 24 letters or digits", IsRefundID,
		[]string{"re_y1u944PmfnrTHyvnL0nD0iD1"},
		[]string{"", "ch_" + tail, "re_" + tail + "0", "re_L8qn10mLmr1GS8e5OODmHa苹"},
	},
	{
		"a refund's order number is the id without prefix", IsRefundOrderNo,
		[]string{"y1u944PmfnrTHyvnL0nD0iD1"},
		[]string{"", "re_y1u944PmfnrTHyvnL0nD0iD1", tail[1:]},
	},
	{
		"an event is evt_ and 24 letters or digits or any digits", IsEventID,
		[]string{"evt_" + tail, "evt_401150101000000000000000", "evt_4011501010", "evt_" + strings.Repeat("1", 60)},
		[]string{"", "evt_", "evt_abc", "evt_" + strings.Repeat("1", 61), tail},
	},
	{
		"an app is app_ and 16 letters or digits", IsAppID,
		[]string{"app_1Gqj58ynP0mHeX1q"},
		[]string{"", "app_1Gqj58ynP0mHeX1", "app_1Gqj58ynP0mHeX1qq"},
	},
	{
		"a request is iar_ and 23 or 24 letters or digits", IsRequestID,
		[]string{"iar_" + tail, "iar_" + tail[1:]},
		[]string{"", "iar_" + tail[2:], "iar_" + tail + "0"},
	},
	{
		"a batch refund is 18 or 19 digits from 15 on", IsBatchRefundID,
		[]string{"151608161453545122", "1516081614535451221"},
		[]string{"", "15160816145354512", "15160816145354512211", "161608161453545122", "15160816145354512x"},
	},
	{
		"an order is 19 digits from 20 on", IsOrderID,
		[]string{"2011611170000003651"},
		[]string{"", "2111611170000003651", "201161117000000365", "201161117000000365x"},
	},
	{
		"a key has 32 characters with its mode", IsKey,
		[]string{sampleKey, "sk_live_" + tail},
		[]string{"", "sk_test_", "sk_test_" + tail + "0", "pk_test_" + tail},
	},
	{
		"anything short and visible can be looked up", IsPossibleID,
		[]string{"x", "undefined", "ch_" + tail, "~!/?", strings.Repeat("a", 64)},
		[]string{"", " ", "a b", "a\n", "\x00", "苹果", "\x7f", strings.Repeat("a", 65)},
	},
}

func TestShapesOfIDs(t *testing.T) {
	for _, test := range shapes {
		t.Run(test.name, func(t *testing.T) {
			for _, text := range test.yes {
				if !test.is(text) {
					t.Errorf("%q was refused", text)
				}
			}
			for _, text := range test.no {
				if test.is(text) {
					t.Errorf("%q was accepted", text)
				}
			}
		})
	}
}

func TestMaskedKeysShowTheModeAlone(t *testing.T) {
	const mask = "*************************"
	for key, want := range map[string]string{
		sampleKey:       "sk_test_" + mask,
		"sk_live_short": "sk_live_" + mask,
		"sk_test_":      "sk_test_" + mask,
		"other":         mask,
		"":              mask,
	} {
		if got := MaskKey(key); got != want {
			t.Errorf("%q: got %s, want %s", key, got, want)
		}
	}
}
