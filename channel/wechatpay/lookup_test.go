package wechatpay_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/wechatpay"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestAPaymentIsLookedUp(t *testing.T) {
	for _, of := range []struct{ mchID, sub string }{{mchID, ""}, {spMchID, subMchID}} {
		f := newFake(t, of.mchID, of.sub)
		connector := f.open(f.account(nil))
		got, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: transactionID})
		want := channel.Payment{
			TransactionID: transactionID, OrderNo: orderNo, Amount: money.Amount{Minor: 1000, Currency: "CNY"},
			PaidAt: got.PaidAt, Paid: true,
		}
		if err != nil || got != want || !got.PaidAt.Equal(time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)) {
			t.Errorf("%+v, %v", got, err)
		}
		for _, ref := range []channel.PaymentRef{{TransactionID: "4200000000202607010000000002"}, {OrderNo: "R1234567"}, {}} {
			if _, err := connector.Charge(t.Context(), ref); !errors.Is(err, channel.ErrNotFound) {
				t.Errorf("%+v: %v", ref, err)
			}
		}
		connector.Submit(t.Context(), instruction("R1"))
		want.RefundedUnknown = true
		if got, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: transactionID}); err != nil || !got.PaidAt.Equal(want.PaidAt) {
			t.Errorf("%+v, %v", got, err)
		} else if got.PaidAt = want.PaidAt; got != want {
			t.Errorf("an order of which something was refunded: %+v, want %+v", got, want)
		}
		f.Close()
		if _, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: transactionID}); err == nil || errors.Is(err, channel.ErrNotFound) {
			t.Errorf("nobody answers: %v", err)
		}
	}
}

func TestABillThatIsNotWhatWasAnnouncedIsNone(t *testing.T) {
	day := time.Now().In(time.FixedZone("", 8*60*60)).AddDate(0, 0, -2)
	read := func(t *testing.T, change func(*fake)) (rows []channel.Listed, err error) {
		f := newFake(t, spMchID, subMchID)
		f.billDay = day.Format(time.DateOnly)
		connector := f.open(f.account(nil))
		for _, number := range []string{"R1", "R2", "R3"} {
			connector.Submit(t.Context(), instruction(number))
		}
		change(f)
		bill, err := connector.Bill(t.Context(), channel.BillDay{Day: day})
		if err != nil {
			return nil, err
		}
		defer func() {
			if err := bill.Close(); err != nil {
				t.Error(err)
			}
		}()
		for {
			row, err := bill.Next()
			if err != nil {
				if _, again := bill.Next(); !errors.Is(again, err) {
					t.Errorf("after %v it says %v", err, again)
				}
				return rows, err
			}
			rows = append(rows, row)
		}
	}
	rows, err := read(t, func(*fake) {})
	if !errors.Is(err, io.EOF) || len(rows) != 3 || rows[0].Number != "R1" || rows[0].TransactionID != transactionID || rows[0].OrderNo != orderNo ||
		rows[0].Amount.Minor != 100 || rows[0].Kind != refund.OutcomeDone {
		t.Errorf("%+v, %v", rows, err)
	}
	for name, change := range map[string]func(*fake){
		"another hash":                         func(f *fake) { f.always["bill"] = "lies" },
		"an address that is none":              func(f *fake) { f.always["bill"] = "nowhere" },
		"another merchant's rows":              func(f *fake) { f.always["rows"] = "other" },
		"a row without an amount":              func(f *fake) { f.entries["R2"].refund = 0 },
		"a bill that breaks off in the middle": func(f *fake) { f.always["rows"] = "half" },
	} {
		if rows, err := read(t, change); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %+v, %v", name, rows, err)
		}
	}
	t.Run("a file at another host is asked for at ours", func(t *testing.T) {
		if rows, err := read(t, func(f *fake) { f.always["bill"] = "elsewhere" }); !errors.Is(err, io.EOF) || len(rows) != 3 {
			t.Errorf("%+v, %v", rows, err)
		}
	})
	t.Run("a day without refunds has an empty bill, and today none yet", func(t *testing.T) {
		f := newFake(t, mchID, "")
		connector := f.open(f.account(nil))
		bill, err := connector.Bill(t.Context(), channel.BillDay{Day: day})
		if err != nil {
			t.Fatal(err)
		}
		if row, err := bill.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%+v, %v", row, err)
		}
		_ = bill.Close()
		for _, day := range []time.Time{time.Now(), time.Now().AddDate(0, 0, 1)} {
			if _, err := connector.Bill(t.Context(), channel.BillDay{Day: day}); !errors.Is(err, channel.ErrBillNotReady) {
				t.Errorf("%v: %v", day, err)
			}
		}
	})
}

func TestCheckSaysWhichSettingIsWrong(t *testing.T) {
	for name, of := range map[string]struct {
		change map[string]string
		fault  func(*fake)
		wrong  string // the setting, "" for none
		hint   string
	}{
		"all is well":                    {},
		"only a certificate":             {change: map[string]string{"platform_public_key": "", "platform_public_key_id": ""}},
		"only a public key":              {change: map[string]string{"platform_certificate": ""}},
		"another serial number":          {change: map[string]string{"merchant_serial": "AB"}, wrong: "merchant_private_key", hint: "clock"},
		"another merchant's number":      {change: map[string]string{"mchid": "1900009999"}, wrong: "merchant_private_key", hint: "clock"},
		"another public key":             {fault: func(f *fake) { f.public.key = keysOnce().other }, wrong: "platform_public_key", hint: "WeChat Pay's pages"},
		"another certificate":            {change: map[string]string{"answers_signed_by": "certificate"}, fault: func(f *fake) { f.certificate.key = keysOnce().other }, wrong: "platform_certificate", hint: "WeChat Pay's pages"},
		"no permission":                  {fault: func(f *fake) { f.queries["refundry-check"] = "403 NO_AUTH" }, wrong: "mchid", hint: "may the merchant refund"},
		"the platform lists what is set": {fault: func(f *fake) { f.always["certificates"] = "set" }},
		"another APIv3 key":              {fault: func(f *fake) { f.always["certificates"], f.apiV3Key = "set", strings.Repeat("f", 32) }, wrong: "apiv3_key", hint: "WeChat Pay's pages"},
		"another APIv3 key, and only a public key": {
			change: map[string]string{"platform_certificate": ""}, fault: func(f *fake) { f.always["certificates"], f.apiV3Key = "set", strings.Repeat("f", 32) }, wrong: "apiv3_key", hint: "WeChat Pay's pages",
		},
		"a new certificate that is not set": {fault: func(f *fake) { f.always["certificates"] = "new" }, wrong: "platform_certificate", hint: "7D0000000000000000000000000000000000AB01"},
		"nobody answers":                    {fault: func(f *fake) { f.Close() }, wrong: "base_url", hint: "--egress-allow"},
		"a certificate of ours that ended":  {change: map[string]string{"merchant_certificate": "ended"}, wrong: "merchant_certificate", hint: "expired at"},
		"a certificate of theirs that ended": {
			change: map[string]string{"platform_certificate": "ended"}, wrong: "platform_certificate", hint: "expired at",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, mchID, "")
			for setting, value := range of.change {
				if value == "ended" {
					key, serial := keysOnce().merchant, merchantSerial
					if setting == "platform_certificate" {
						key, serial = keysOnce().certificate, platformSerial
					}
					of.change[setting] = certificatePEM(t, key, "x", serial, time.Now().Add(-time.Hour))
				}
			}
			a := f.account(of.change)
			if of.fault != nil {
				of.fault(f)
			}
			found := false
			for _, one := range f.open(a).Check(t.Context()) {
				if (one.Err != nil) != (one.Name == of.wrong) {
					t.Errorf("%s: %v", one.Name, one.Err)
				}
				found = found || one.Name == of.wrong && one.Err != nil && strings.Contains(one.Err.Error(), of.hint) && strings.Contains(one.Err.Error(), "(hint: ")
			}
			if !found && of.wrong != "" {
				t.Errorf("nothing says that %s is wrong", of.wrong)
			}
			for _, one := range f.seen {
				if one.method != "GET" {
					t.Errorf("a check sent %s %s", one.method, one.uri)
				}
			}
		})
	}
}

func TestTheRulesAndLimitsAreTheDocuments(t *testing.T) {
	if got, want := (*wechatpay.Driver)(nil).Rules("wx"), (refund.Rules{Window: 365 * 24 * time.Hour, MostRefunds: 50, SubmitSpacing: time.Minute}); got != want {
		t.Errorf("rules %+v", got)
	}
	f := newFake(t, mchID, "")
	connector := f.open(f.account(nil))
	if got := connector.Limits(); got.Submit.PerSecond != 150 || got.Reroute.PerSecond != 150 {
		t.Errorf("limits %+v", got)
	}
	if pace := connector.Pace(); pace.SettlingTime < time.Minute || pace.First != time.Minute || pace.Longest != 30*time.Minute || !pace.GivesIDs || pace.ResubmitWithin != 0 ||
		pace.EscalateAfter != 34*time.Hour || pace.Watch[0] != 24*time.Hour || pace.Watch[3] != 14*24*time.Hour || pace.Watch[4] != 0 {
		t.Errorf("pace %+v", pace)
	}
}

// What WeChat Pay says a refund falls into stands in the attempt, with what differs
// from our own parts.
func TestTheAllocationThatWeChatPayReportsIsKept(t *testing.T) {
	f := newFake(t, mchID, "")
	connector, i := f.open(f.account(nil)), instruction("R1")
	if o := connector.Submit(t.Context(), i); o.Message != "payer_refund 100, discount_refund 0, settlement_refund 100, paid from UNSETTLED" {
		t.Errorf("the same: %q", o.Message)
	}
	i.Charge.Detail.Coupons = []refund.Coupon{{ID: "109519", Scope: refund.ScopeOrder, Type: refund.TypeUnfunded, Amount: 100}}
	i.Refund.Parts = refund.Parts{Payer: 90, Coupons: []money.Minor{10}}
	o := connector.Query(t.Context(), i)
	want := "payer_refund 100, discount_refund 0, settlement_refund 100, paid from UNSETTLED" +
		"; payer_refund differs: we reckoned 90; discount_refund differs: we reckoned 10; settlement_refund differs: we reckoned 90"
	if o.Message != want || o.Kind != refund.OutcomeDone {
		t.Errorf("%q", o.Message)
	}
}
