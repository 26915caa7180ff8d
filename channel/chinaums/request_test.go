package chinaums_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// sent submits a refund and returns the request's fields and what came of it.
func sent(t *testing.T, settings map[string]string, i channel.Instruction) (map[string]string, seen, refund.Outcome) {
	t.Helper()
	f := newFake(t)
	f.signType = map[bool]string{true: "SHA256", false: "MD5"}[settings["sign_type"] == "SHA256"]
	o := f.open(f.account(settings)).Submit(t.Context(), i)
	if len(f.seen) == 0 {
		return nil, seen{}, o
	}
	return flat(f.seen[0].body), f.seen[0], o
}

func TestWhatIsSentIsWhatTheRefundSays(t *testing.T) {
	long := instruction(1)
	long.Reason = strings.Repeat("坏", 100)
	hidden := instruction(1)
	hidden.Refund.Detail.Options.HideReason = true
	for name, of := range map[string]struct {
		settings map[string]string
		i        channel.Instruction
		path     string
		want     map[string]string
		shown    map[string]string // what is shown beside what was sent
	}{
		"an order": {nil, instruction(1), "/v1/netpay/refund", map[string]string{
			"mid": mid, "tid": tid, "instMid": "H5DEFAULT", "merOrderId": orderNo, "refundOrderId": number(1), "refundAmount": "100", "refundDesc": "broken",
		}, map[string]string{"msgType": "refund", "msgSrc": "WWW.SHOP.COM"}},
		"an order, where the account has no msgSrc": {map[string]string{"msg_src": ""}, hidden, "/v1/netpay/refund", map[string]string{
			"mid": mid, "tid": tid, "instMid": "H5DEFAULT", "merOrderId": orderNo, "refundOrderId": number(1), "refundAmount": "100",
		}, map[string]string{"msgType": "refund", "msgSrc": "10037e6f000000000000000000000001"}},
		"a reason of 300 bytes": {nil, long, "/v1/netpay/refund", map[string]string{
			"mid": mid, "tid": tid, "instMid": "H5DEFAULT", "merOrderId": orderNo, "refundOrderId": number(1), "refundAmount": "100", "refundDesc": strings.Repeat("坏", 85),
		}, map[string]string{"msgType": "refund", "msgSrc": "WWW.SHOP.COM"}},
		"a bill": {bills, bill(1), "/v1/netpay/bills/refund", map[string]string{
			"mid": mid, "tid": tid, "instMid": "QRPAYDEFAULT", "billNo": billNo, "billDate": "2026-11-01", "refundOrderId": number(1), "refundAmount": "100", "refundDesc": "broken",
		}, map[string]string{"msgType": "bills.refund", "msgSrc": "WWW.SHOP.COM", "merOrderId": billNo}},
		"an older message": {legacy, instruction(1), "/netpay-route-server/api/", map[string]string{
			"mid": mid, "tid": tid, "instMid": "H5DEFAULT", "merOrderId": orderNo, "refundOrderId": number(1), "refundAmount": "100", "msgType": "refund", "msgSrc": "WWW.SHOP.COM",
		}, nil},
		"an older message of a bill, SHA256": {
			map[string]string{"mode": "legacy", "sign_type": "SHA256", "inst_mid": "QRPAYDEFAULT"}, bill(1), "/netpay-route-server/api/", map[string]string{
				"mid": mid, "tid": tid, "instMid": "QRPAYDEFAULT", "billNo": billNo, "billDate": "2026-11-01", "refundOrderId": number(1), "refundAmount": "100",
				"msgType": "bills.refund", "msgSrc": "WWW.SHOP.COM", "signType": "SHA256",
			}, map[string]string{"merOrderId": billNo},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, request, o := sent(t, of.settings, of.i)
			if o.Kind != accepted || request.path != of.path {
				t.Fatalf("%s: %+v", request.path, o)
			}
			stamp, sign := got["requestTimestamp"], o.Sent.Shown["sign"]
			if at, err := time.ParseInLocation(time.DateTime, stamp, time.FixedZone("", 8*60*60)); err != nil || time.Since(at) > time.Minute {
				t.Errorf("sent at %q", stamp)
			}
			if sign == "" || got["sign"] != "" && got["sign"] != sign {
				t.Errorf("signed %q, shown %q", got["sign"], sign)
			}
			delete(got, "requestTimestamp")
			delete(got, "sign")
			if diff := cmp.Diff(of.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			want := maps.Clone(of.want)
			delete(want, "refundDesc")
			maps.Copy(want, of.shown)
			want["requestTimestamp"], want["sign"] = stamp, sign
			if diff := cmp.Diff(want, o.Sent.Shown); diff != "" {
				t.Errorf("shown (-want +got)\n%s", diff)
			}
			digest := sha256.Sum256([]byte("POST " + of.path + "\n" + string(request.raw)))
			if o.Sent.Digest != hex.EncodeToString(digest[:]) {
				t.Errorf("digest %s", o.Sent.Digest)
			}
		})
	}
	t.Run("amounts are text", func(t *testing.T) {
		_, request, _ := sent(t, nil, instruction(1))
		if got := string(request.body["refundAmount"]); got != `"100"` {
			t.Errorf("%s", got)
		}
	})
	t.Run("a question shows nothing", func(t *testing.T) {
		f := newFake(t)
		for _, o := range []refund.Outcome{f.open(f.account(nil)).Query(t.Context(), instruction(1)), f.open(f.account(bills)).Query(t.Context(), bill(1))} {
			if len(o.Sent.Shown) != 0 {
				t.Errorf("%+v", o.Sent)
			}
		}
	})
}

// An order goes by the merchant's number, or by the payment's where that alone
// begins with the source's; a bill's date stands in its number or is the payment's.
func TestAPaymentIsNamedAsChinaUMSKnowsIt(t *testing.T) {
	paid := time.Date(2026, 11, 1, 16, 30, 0, 0, time.UTC) // half past midnight in Beijing
	for name, of := range map[string]struct {
		transaction, order string
		paidAt             time.Time
		instMID            string
		want               map[string]string // nil: refused
	}{
		"by the merchant's number":                     {"4200002026110100000001", orderNo, paid, "H5DEFAULT", map[string]string{"merOrderId": orderNo}},
		"by a merchant's number of another source":     {"4200002026110100000001", "SHOP-1", paid, "H5DEFAULT", map[string]string{"merOrderId": "SHOP-1"}},
		"by the payment's":                             {orderNo, "SHOP-1", paid, "H5DEFAULT", map[string]string{"merOrderId": orderNo}},
		"by the payment's, which has no other":         {"ABCDEF", "", paid, "H5DEFAULT", map[string]string{"merOrderId": "ABCDEF"}},
		"a bill with a date in its number":             {"", billNo, paid, "QRPAYDEFAULT", map[string]string{"billNo": billNo, "billDate": "2026-11-01"}},
		"a bill with a date that is after its payment": {"", "3194202611030000", paid, "QRPAYDEFAULT", map[string]string{"billNo": "3194202611030000", "billDate": "2026-11-02"}},
		"a bill with another year in its number":       {"", "3194202511010000", paid, "QRPAYDEFAULT", map[string]string{"billNo": "3194202511010000", "billDate": "2026-11-02"}},
		"a bill without a date in its number":          {"", "31940000201700002", paid, "QRPAYDEFAULT", map[string]string{"billNo": "31940000201700002", "billDate": "2026-11-02"}},
		"a bill with nothing but its number's date":    {"", billNo, time.Time{}, "QRPAYDEFAULT", map[string]string{"billNo": billNo, "billDate": "2026-11-01"}},
		"a bill without any date":                      {"", "31940000201700002", time.Time{}, "QRPAYDEFAULT", nil},
		"a number of five characters":                  {"", "31941", paid, "H5DEFAULT", nil},
		"a number of 33 characters":                    {"", strings.Repeat("3", 33), paid, "H5DEFAULT", nil},
		"a number with a blank":                        {"", "3194 1234", paid, "H5DEFAULT", nil},
	} {
		i := instruction(1)
		i.TransactionID, i.Charge.OrderNo, i.Charge.PaidAt = of.transaction, of.order, of.paidAt
		got, _, o := sent(t, map[string]string{"inst_mid": of.instMID}, i)
		if of.want == nil {
			if got != nil || o.Kind != refused {
				t.Errorf("%s: %+v, sent %v", name, o, got)
			}
			continue
		}
		for field, value := range map[string]string{"merOrderId": "", "billNo": "", "billDate": ""} {
			if want := of.want[field]; got[field] != want+value {
				t.Errorf("%s: %s is %q, want %q", name, field, got[field], want)
			}
		}
	}
	t.Run("some channels have another instMid", func(t *testing.T) {
		settings := map[string]string{"inst_mids": "wx_lite=MINIDEFAULT, wechat_qrcode=QRPAYDEFAULT"}
		for of, want := range map[string]string{"wx_lite": "MINIDEFAULT", "wechat_qrcode": "QRPAYDEFAULT", "wx_wap": "H5DEFAULT"} {
			i := instruction(1)
			i.Charge.Channel = of
			if got, _, _ := sent(t, settings, i); got["instMid"] != want {
				t.Errorf("%s: %v", of, got)
			}
		}
	})
}

func TestASplitPaymentIsGivenBackByOneSubMerchant(t *testing.T) {
	splits := func(i channel.Instruction, shares ...refund.Split) channel.Instruction {
		i.Charge.Detail.Splits = shares
		i.Refund.Parts.Splits = make([]money.Minor, len(shares))
		return i
	}
	const first, second = "898310000000011", "898310000000012"
	one := splits(instruction(1), refund.Split{Account: first + ":3194SUB01", Amount: 600}, refund.Split{Account: second, Amount: 100})
	one.Refund.Parts.Splits[0] = 60
	for way, settings := range map[string]map[string]string{"open": nil, "legacy": legacy} {
		got, request, o := sent(t, settings, one)
		want := `[{"mid":"` + first + `","merOrderId":"3194SUB01","refundOrderId":"` + number(1)[:26] + `","totalAmount":"60"}]`
		if o.Kind != accepted || got["platformAmount"] != "40" || string(request.body["subOrders"]) != want {
			t.Errorf("%s: %+v\n%s", way, o, request.raw)
		}
		if o.Sent.Shown["subOrders"] != "" {
			t.Errorf("%s: shown %v", way, o.Sent.Shown)
		}
	}
	asked := splits(instruction(1), refund.Split{Account: first, Amount: 600}, refund.Split{Account: second, Amount: 100})
	asked.Refund.Parts.Splits = []money.Minor{60, 10}
	asked.Refund.Detail.Options.Splits = []refund.Split{{Account: second, Amount: 100}}
	if got, _, o := sent(t, nil, asked); o.Kind != accepted || got["platformAmount"] != "0" || got["subOrders"] != `[{"mid":"`+second+`","refundOrderId":"`+number(1)[:26]+`","totalAmount":"100"}]` {
		t.Errorf("the account that the request names: %+v, %v", o, got)
	}
	for name, change := range map[string]func(*channel.Instruction){
		"of two sub-merchants": func(i *channel.Instruction) { i.Refund.Parts.Splits = []money.Minor{50, 10} },
		"of none":              func(i *channel.Instruction) { i.Refund.Parts.Splits = []money.Minor{0, 0} },
		"of an account that is none": func(i *channel.Instruction) {
			i.Refund.Detail.Options.Splits = []refund.Split{{Account: "2088 1", Amount: 10}}
		},
		"with more than the refund": func(i *channel.Instruction) {
			i.Refund.Detail.Options.Splits = []refund.Split{{Account: first, Amount: 101}}
		},
		"with an order that is none": func(i *channel.Instruction) {
			i.Refund.Detail.Options.Splits = []refund.Split{{Account: first + ":1", Amount: 10}}
		},
	} {
		i := one
		i.Refund.Parts.Splits = slices.Clone(one.Refund.Parts.Splits)
		change(&i)
		if got, _, o := sent(t, nil, i); o.Kind != refused || o.Code != "SPLITS" || got != nil {
			t.Errorf("%s: %+v, sent %v", name, o, got)
		}
	}
}

func TestWhatChinaUMSCantRefundIsRefusedAndNotSent(t *testing.T) {
	for code, change := range map[string]func(*channel.Instruction){
		"NOT_CNY":         func(i *channel.Instruction) { i.Amount.Currency = "USD" },
		"AMOUNT":          func(i *channel.Instruction) { i.Amount.Minor = 100000001 },
		"NO_ORDER_NUMBER": func(i *channel.Instruction) { i.Charge.OrderNo, i.TransactionID = "1", "2" },
	} {
		i := instruction(1)
		change(&i)
		if got, _, o := sent(t, nil, i); o.Kind != refused || o.Code != code || got != nil || len(o.Sent.Shown) != 0 {
			t.Errorf("want %s: %+v, sent %v", code, o, got)
		}
	}
}

func TestNoSecretIsInWhatIsKept(t *testing.T) {
	for _, settings := range []map[string]string{nil, legacy} {
		for _, fault := range []string{"", "500", "drop after", "code BAD_SIGN", "html"} {
			f := newFake(t)
			f.faults[number(1)] = []string{fault}
			o := f.open(f.account(settings)).Submit(t.Context(), instruction(1))
			kept, err := json.Marshal(o)
			if err != nil || strings.Contains(string(kept), appKey) || strings.Contains(string(kept), commKey) {
				t.Errorf("%q: %s, %v", fault, kept, err)
			}
		}
	}
}
