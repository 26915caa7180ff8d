package chinaums

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The refund that was recorded in public code, without the two fields of a split
// payment that it had.
func TestARefundIsWrittenInTheOlderForm(t *testing.T) {
	request := Refund{
		SentAt:     time.Date(2019, 3, 15, 20, 15, 25, 999, time.UTC),
		MerOrderID: "319420180614150753183991", RefundOrderID: "3194201806141508441197500", Amount: 1,
	}
	account := Account{MsgSrc: TestMsgSrc, MID: TestMID, TID: TestTID, InstMID: TestInstMID, Key: TestKey}
	want := Message{}
	for name, value := range refunding {
		if name != "platformAmount" && name != "totalAmount" {
			want[name] = value
		}
	}
	signed := func(m Message, signType string) Message {
		m = maps.Clone(m)
		m[FieldSign] = m.Sign(signType, TestKey)
		return m
	}
	if diff := cmp.Diff(signed(want, MD5), account.Refund(request)); diff != "" {
		t.Errorf("MD5, which is not named (-want +got)\n%s", diff)
	}
	account.SignType = MD5
	if diff := cmp.Diff(signed(want, MD5), account.Refund(request)); diff != "" {
		t.Errorf("MD5 (-want +got)\n%s", diff)
	}
	account.SignType = SHA256
	named := maps.Clone(want)
	named[FieldSignType] = SHA256
	if diff := cmp.Diff(signed(named, SHA256), account.Refund(request)); diff != "" {
		t.Errorf("SHA256 (-want +got)\n%s", diff)
	}
	account.Key = ""
	if diff := cmp.Diff(named, account.Refund(request)); diff != "" {
		t.Errorf("without a key (-want +got)\n%s", diff)
	}
}
