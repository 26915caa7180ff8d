package sandbox_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/wire/chinaums"
)

// Whatever becomes of a submit, it was sent; a question is not told.
func TestASubmitSaysWhatChinaUMSWouldHaveGot(t *testing.T) {
	box := open(sandbox.NewDatabase(storetest.Open(t, storetest.SQLite(t))))
	connector, err := box.Open(channel.Account{
		ID: account, Settings: map[string]string{sandbox.SettingMID: "100000000000001"}, Secrets: map[string]string{sandbox.SecretMessageKey: "k"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		in   channel.Connector
		i    channel.Instruction
		kind refund.OutcomeKind
	}{
		"done":                     {connector, instruction(100), refund.OutcomeDone},
		"refused":                  {connector, instruction(151), refund.OutcomeRefused},
		"the answer was lost":      {connector, instruction(153), refund.OutcomeUnknown},
		"the books did not answer": {of(open(broken{})), instruction(100), refund.OutcomeUnknown},
	} {
		i := test.i
		i.Charge = refund.Charge{OrderNo: "3194T1", Detail: refund.Detail{Route: chinaums.Channel}}
		o := test.in.Submit(t.Context(), i)
		if o.Kind != test.kind {
			t.Errorf("%s: %+v", name, o)
		}
		own := chinaums.Account{MsgSrc: chinaums.TestMsgSrc, MID: "100000000000001", TID: chinaums.TestTID, InstMID: chinaums.TestInstMID, Key: "k"}
		if test.in != connector {
			own.MID, own.Key = chinaums.TestMID, chinaums.TestKey
		}
		want := own.Refund(chinaums.Refund{SentAt: noon, MerOrderID: "3194T1", RefundOrderID: i.Number, Amount: i.Amount.Minor})
		if diff := cmp.Diff(map[string]string(want), o.Sent.Shown); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if asked := test.in.Query(t.Context(), i); len(asked.Sent.Shown) != 0 {
			t.Errorf("%s: a question was told: %v", name, asked.Sent)
		}
		i.Charge.Detail.Route = ""
		if o := test.in.Submit(t.Context(), i); len(o.Sent.Shown) != 0 {
			t.Errorf("%s: another route was told: %v", name, o.Sent)
		}
	}
}
