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

func TestARefundsFieldsAndBody(t *testing.T) {
	account := Account{MsgSrc: TestMsgSrc, MID: TestMID, TID: TestTID, InstMID: InstBill, Key: TestKey}
	bill := Refund{
		SentAt: time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC), MerOrderID: "3194B1", BillDate: "2026-11-01", RefundOrderID: "3194R1", Amount: 100, Description: `"坏"`,
		SubOrders: []SubOrder{{MID: "898340149000006", RefundOrderID: "3194R", TotalAmount: "60"}}, PlatformAmount: 40,
	}
	const list = `[{"mid":"898340149000006","refundOrderId":"3194R","totalAmount":"60"}]`
	message := account.Message(bill.SentAt, bill.Fields())
	want := `{"billDate":"2026-11-01","billNo":"3194B1","instMid":"QRPAYDEFAULT","mid":"898340149000005","platformAmount":"40","refundAmount":"100",` +
		`"refundDesc":"\"坏\"","refundOrderId":"3194R1","requestTimestamp":"2026-11-29 08:00:00","subOrders":` + list + `,"tid":"88880001"}`
	if diff := cmp.Diff(want, string(message.Body())); diff != "" {
		t.Error(diff)
	}
	older := account.Legacy(BillRefunding.MsgType, message)
	if older[FieldSubOrders] != list || older.Verify(TestKey) != nil || older[FieldMsgType] != "bills.refund" || message[FieldMsgType] != "" {
		t.Errorf("%v, of %v", older, message)
	}
	if Date(bill.SentAt.Add(-time.Second)) != "2026-11-29" || Stamp(bill.SentAt) != "20261129080000" {
		t.Error("times are in Beijing")
	}
}
