package chinaums

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func amount(fen int64) *int64 { return &fen }

// Recorded answers in our own form.
func TestRecordedAnswersAreRead(t *testing.T) {
	const target, order = "2018092022001418830580874945", "90012018092010155005062202780"
	for name, want := range map[string]Answer{
		"refund of an order": {
			ErrCode: CodeSuccess, MID: "898340149000030", InstMID: InstBill, RefundStatus: RefundSuccess, Status: "REFUND", MerOrderID: order,
			RefundOrderID: "9001201809201021510524644261", RefundTargetOrderID: target, RefundAmount: amount(1),
		},
		"refund of a bill": {
			ErrCode: CodeSuccess, MID: "898340149000030", InstMID: InstBill, RefundStatus: RefundSuccess, BillStatus: BillRefund, MerOrderID: order,
			BillNo: "9001201809201015500506220278", BillDate: "2018-09-20", RefundOrderID: "9001201809201021510524644261", RefundTargetOrderID: target,
			RefundAmount: amount(1), RefundPayTime: time.Date(2018, 9, 20, 10, 21, 55, 0, shanghai),
		},
		"refund query": {
			ErrCode: CodeSuccess, ErrMsg: "查询成功", MID: "898201612345678", RefundStatus: RefundSuccess, Status: TradeSuccess, SeqID: "00438100010N",
			MerOrderID: "9001201902011645182672629078", RefundOrderID: "10001902011824652164172283", RefundTargetOrderID: "50000409362019020108231692550",
			TotalAmount: amount(1), PayTime: time.Date(2019, 2, 1, 16, 46, 52, 0, shanghai),
		},
	} {
		got, err := DecodeAnswer(readVectors(t).Answers[name])
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestWhatIsReadOfAnAnswer(t *testing.T) {
	movement := &BillPayment{MerOrderID: "R1", Status: TradeSuccess, TotalAmount: amount(7)}
	for name, test := range map[string]struct {
		body string
		want Answer
	}{
		"an error of the gateway":              {`{"errCode":"1","errInfo":"denied"}`, Answer{ErrCode: "1", ErrMsg: "denied"}},
		"a bill's refund":                      {`{"errCode":"S","refundBillPayment":{"merOrderId":"R1","status":"TRADE_SUCCESS","totalAmount":"7"}}`, Answer{ErrCode: "S", RefundBillPayment: movement}},
		"a bill's refund as text":              {`{"errCode":"S","refundBillPayment":"{\"merOrderId\":\"R1\",\"status\":\"TRADE_SUCCESS\",\"totalAmount\":7}"}`, Answer{ErrCode: "S", RefundBillPayment: movement}},
		"a bill without a refund":              {`{"errCode":"S","refundBillPayment":null,"billPayment":{}}`, Answer{ErrCode: "S"}},
		"a time in another form is none":       {`{"errCode":"S","payTime":"yesterday"}`, Answer{ErrCode: "S"}},
		"an empty amount is none":              {`{"errCode":"S","refundAmount":""}`, Answer{ErrCode: "S"}},
		"members that nobody knows are passed": {`{"errCode":"S","goods":[{}],"x":true}`, Answer{ErrCode: "S"}},
	} {
		got, err := DecodeAnswer([]byte(test.body))
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	for name, body := range map[string]string{
		"nothing": "", "a list": "[]", "no code": "{}", "half of it": `{"errCode":"S"`, "a member twice": `{"errCode":"S","errCode":"S"}`, "something behind it": `{"errCode":"S"} x`,
		"an amount with a point": `{"errCode":"S","refundAmount":1.0}`, "a negative amount": `{"errCode":"S","refundAmount":"-1"}`, "an amount with a sign": `{"errCode":"S","refundAmount":"+1"}`,
		"an amount of no end": `{"errCode":"S","totalAmount":99999999999999999999}`, "a code that is an object": `{"errCode":{}}`, "a movement that is a list": `{"errCode":"S","billPayment":[]}`,
		"a movement that is a broken text": `{"errCode":"S","billPayment":"{"}`, "a movement with a wrong amount": `{"errCode":"S","billPayment":{"totalAmount":"x"}}`,
	} {
		if got, err := DecodeAnswer([]byte(body)); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// Of a body, what is no text is signed as it stands.
func TestWhatIsSignedOfAnAnswer(t *testing.T) {
	m, signature, err := Signed([]byte(`{"b": "1 & 2", "a":1.50, "goods": [{"x": "y"} ], "gone":null, "sign":"AB"}`))
	if err != nil || signature != "AB" || m.Canonical() != `a=1.50&b=1 & 2&goods=[{"x": "y"} ]` {
		t.Errorf("%q signed %q, %v", m.Canonical(), signature, err)
	}
}

// FuzzAnswer holds for any body: it is read or refused, and never an answer
// without a code or with a negative amount.
func FuzzAnswer(f *testing.F) {
	for _, body := range readVectors(f).Answers {
		f.Add([]byte(body))
	}
	f.Add([]byte(`{"errCode":"S","refundBillPayment":"{\"totalAmount\":7}"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := DecodeAnswer(body)
		if err != nil {
			if !errors.Is(err, ErrAnswer) {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		for _, one := range []*int64{a.TotalAmount, a.RefundAmount, a.SendBackAmount} {
			if one != nil && *one < 0 {
				t.Errorf("%q: %d", body, *one)
			}
		}
		if a.ErrCode == "" {
			t.Errorf("%q: no code", body)
		}
	})
}
