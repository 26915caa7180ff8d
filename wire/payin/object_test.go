package payin

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/money"
)

func TestTheExampleOfThePageIsWrittenByteForByte(t *testing.T) {
	example, err := os.ReadFile("testdata/refund.json")
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(example))
	decoder.DisallowUnknownFields()
	var refund Refund
	if err := decoder.Decode(&refund); err != nil {
		t.Fatal(err)
	}
	got, err := Marshal(refund)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, example); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func text(s string) *string { return &s }

func TestObjectsHaveTheMembersOfTheirPages(t *testing.T) {
	at := Time(time.Date(2023, 7, 26, 7, 6, 33, 227_999_999, Riyadh))
	refund := Refund{
		Amount: Number(323, "SAR"), Status: StatusSuccess, ID: "M1T2_R1", OrderID: "M1T2", PaymentMethod: MethodMastercard,
		MerchantID: "M1", OriginTransactionID: "M1T2_1", Currency: "SAR", UpdatedAt: at, CreatedAt: at,
	}
	finished := at
	tests := []struct {
		name   string
		object any
		want   string
	}{
		{"a refund without a number has null there", refund, `{"amount":3.23,"status":"success","id":"M1T2_R1","orderId":"M1T2","paymentMethod":"mastercard",` +
			`"merchantRefundId":null,"merchantId":"M1","originTransactionId":"M1T2_1","currency":"SAR",` +
			`"updatedAt":"2023-07-26T04:06:33.227Z","createdAt":"2023-07-26T04:06:33.227Z"}`},
		{"a query tells three members more", refund.Detail("M1T2_2", text("<退运费>"), &finished), `{"amount":3.23,"id":"M1T2_R1","merchantId":"M1","orderId":"M1T2",` +
			`"merchantRefundId":null,"refundTransactionId":"M1T2_2","originTransactionId":"M1T2_1","paymentMethod":"mastercard","status":"success","currency":"SAR",` +
			`"reason":"<退运费>","finishedAt":"2023-07-26T04:06:33.227Z","createdAt":"2023-07-26T04:06:33.227Z","updatedAt":"2023-07-26T04:06:33.227Z"}`},
		{"nested things of an order are text", Order{
			Amount: "12.02", ID: "M1T2", Products: Nested(json.RawMessage(`[{"name":"p"}]`)), Status: OrderPaid, RefundStatus: RefundsNone, CreatedAt: at, UpdatedAt: at,
		}, `{"amount":12.02,"tip":0,"taxAmount":0,"refundAmount":0,"id":"M1T2","clientId":"","clientIp":"","merchantId":"","products":"[{\"name\":\"p\"}]","customer":null,` +
			`"status":"paid","ticket":"","name":"","merchantOrderId":"","notificationURL":null,"needTax":false,"currency":"","paidAt":null,"closedAt":null,"expiredAt":null,` +
			`"payerInfo":null,"refundStatus":"none","refundTimes":0,"successPaymentMethod":null,"createdAt":"2023-07-26T04:06:33.227Z","updatedAt":"2023-07-26T04:06:33.227Z"}`},
		{
			"a transaction",
			Transaction{Amount: "7", ID: "M1T2_2", Type: TransactionRefund, Result: ResultApproved, CreatedAt: at, UpdatedAt: at},
			`{"amount":7,"id":"M1T2_2","orderId":"","clientId":"","merchantId":"","clientIp":"","result":"Approved","completedAt":null,"type":"refund","paymentMethod":"",` +
				`"currency":"","payerDigest":null,"successfullyNotifiedAt":null,"notificationTimes":0,"lastNotifiedAt":null,` +
				`"createdAt":"2023-07-26T04:06:33.227Z","updatedAt":"2023-07-26T04:06:33.227Z"}`,
		},
		{
			"a merchant",
			Merchant{ID: "M948164", Status: MerchantEnabled, Currencies: "SAR,KWD", StatementStatus: StatementDaily, CreatedAt: at, UpdatedAt: at},
			`{"id":"M948164","name":"","status":"enabled","name_en":"","currencys":"SAR,KWD","statementStatus":"daily",` +
				`"createdAt":"2023-07-26T04:06:33.227Z","updatedAt":"2023-07-26T04:06:33.227Z"}`,
		},
		{"an error has a list", Error{Code: CodeNotFound, Message: "m"}, `{"code":"notFound","message":"m","data":[]}`},
		{
			"an error of a signature shows the six values", NotAllowed(Signed{"AK1", CreateRefund, SignMethod, SignVersion, "1690344393", "/orders/M1/refunds"}),
			`{"code":"notAllowed","message":"No access","data":["signature error",{"uri":"/orders/M1/refunds","key":"AK1","timestamp":1690344393,` +
				`"signMethod":"HmacSHA256","signVersion":"1","method":"order.refund"}]}`,
		},
		{
			"an error of a signature shows a timestamp that is none", NotAllowed(Signed{Timestamp: "+1"}),
			`{"code":"notAllowed","message":"No access","data":["signature error",{"uri":"","key":"","timestamp":"+1","signMethod":"","signVersion":"","method":""}]}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Marshal(test.object)
			if diff := cmp.Diff(test.want, string(got)); err != nil || diff != "" {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestTheRefundStatusOfAnOrder(t *testing.T) {
	tests := []struct {
		name           string
		open           bool
		refunded, paid int64
		lastFailed     bool
		want           string
	}{
		{"nothing happened", false, 0, 100, false, "none"},
		{"one is open, after others succeeded", true, 50, 100, false, "processing"},
		{"one is open, after others failed", true, 0, 100, true, "processing"},
		{"a part came back", false, 50, 100, false, "partial"},
		{"a part came back, then one failed", false, 50, 100, true, "partial"},
		{"all came back", false, 100, 100, false, "full"},
		{"more than all came back by correction", false, 120, 100, false, "full"},
		{"the last failed", false, 0, 100, true, "fail"},
		{"nothing was paid", false, 0, 0, false, "none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := RefundStatus(test.open, test.refunded, test.paid, test.lastFailed); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestStatusesOfErrors(t *testing.T) {
	for code, want := range map[Code]int{
		"badRequest": 400, "notAllowed": 401, "forbidden": 403, "notFound": 404, "duplicateMerchantRefundId": 409,
		"orderNotPaid": 422, "refundAmountExceeded": 422, "refundNotSupported": 422, "tooManyRequests": 429,
		"internalError": 500, "channelUnavailable": 503, "somethingElse": 500,
	} {
		if got := code.Status(); got != want {
			t.Errorf("%s: got %d, want %d", code, got, want)
		}
	}
}

func TestIDs(t *testing.T) {
	// The page's own sample: 12:53:17.454, and 454 behind the seconds.
	at := time.Date(2022, 12, 31, 12, 53, 17, 454_000_000, Riyadh)
	order := OrderID("M448726", at, 87632)
	if order != "M448726T2022123112531745487632" || !IsOrderID(order) {
		t.Errorf("OrderID: %s", order)
	}
	if got := OrderID("M448726", at.UTC(), 1_000_007); got != "M448726T2022123112531745400007" {
		t.Errorf("OrderID in UTC, with a number too large: %s", got)
	}
	if got := RefundID(order, 12); got != order+"_R12" {
		t.Errorf("RefundID: %s", got)
	}
	if got := TransactionID(order, 2); got != order+"_2" {
		t.Errorf("TransactionID: %s", got)
	}
	for id, want := range map[string]int64{order + "_R1": 1, "opaque_x_R20": 20} {
		if parent, n, ok := SplitRefundID(id); !ok || n != want || RefundID(parent, n) != id {
			t.Errorf("SplitRefundID(%s) is %s %d %v", id, parent, n, ok)
		}
	}
	for _, id := range []string{"", "_R1", order, order + "_1", order + "_R", order + "_R0", order + "_R01", order + "_R-1", order + "_R1x", order + "_R1234567890"} {
		if _, _, ok := SplitRefundID(id); ok {
			t.Errorf("SplitRefundID takes %q", id)
		}
	}
	if parent, n, ok := SplitTransactionID(order + "_2"); !ok || parent != order || n != 2 {
		t.Errorf("SplitTransactionID: %s %d %v", parent, n, ok)
	}
	if _, _, ok := SplitTransactionID(order + "_R2"); ok {
		t.Error("SplitTransactionID takes a refund's id")
	}
	for id, want := range map[string]bool{"M948164": true, "M94816": false, "m948164": false, "M94816a": false, "M9481645": false} {
		if IsMerchantID(id) != want {
			t.Errorf("IsMerchantID(%s) is %v", id, !want)
		}
	}
	if !IsClientID("CLT9208307") || IsClientID("CLT920830") || IsClientID("CLT92083071") {
		t.Error("IsClientID")
	}
	if IsOrderID(order+"1") || IsOrderID("M448726T202212311253174548763x") || IsOrderID("T1") {
		t.Error("IsOrderID takes too much")
	}
	if IsPossibleID("") || IsPossibleID("a b") || IsPossibleID(strings.Repeat("a", 65)) || !IsPossibleID(order) {
		t.Error("IsPossibleID")
	}
}

// walk walks rows that are in memory.
func walk(rows ...ReconciliationRow) func(func(ReconciliationRow) error) error {
	return func(each func(ReconciliationRow) error) error {
		for _, row := range rows {
			if err := each(row); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestTheDailyFile(t *testing.T) {
	created := time.Date(2023, 1, 23, 10, 33, 28, 0, time.UTC)
	rows := []ReconciliationRow{
		{MerchantID: "M948164", OrderID: "M948164T1", MerchantOrderID: `a,"b"`, CreatedAt: created, CompletedAt: created.Add(time.Minute), Amount: money.Amount{Minor: 100000, Currency: "SAR"}, TransType: TransTypePayment, Status: OrderStatusSuccess},
		{MerchantID: "M948164", OrderID: "M948164T1_R1", CreatedAt: created, Amount: money.Amount{Minor: 1355, Currency: "KWD"}, TransType: TransTypeRefund, Status: OrderStatusFailed, OriginalOrderID: "M948164T1", OriginalAmount: money.Amount{Minor: 2000, Currency: "KWD"}},
	}
	var file strings.Builder
	if err := WriteReconciliation(&file, walk(rows...)); err != nil {
		t.Fatal(err)
	}
	want := "Merchant_ID,Order_ID,Merchant_Order_ID,Order_Create_Time,Order_Complete_Time,Amount,Currency,Trans_Type,Order_Status,Ori_Order_ID,Ori_Order_Amount,Ori_Order_Currency\n" +
		`M948164,M948164T1,"a,""b""",2023-01-23 13:33:28(GMT+3),2023-01-23 13:34:28(GMT+3),1000.00,SAR,P,S,,,` + "\n" +
		"M948164,M948164T1_R1,,2023-01-23 13:33:28(GMT+3),,1.355,KWD,R,F,M948164T1,2.000,KWD\n"
	if diff := cmp.Diff(want, file.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := ReconciliationPath("M948164", "2023-08-21", 0); got != "2023-08-21/GCCRECO_M948164_2023-08-21_01.csv" {
		t.Errorf("path: %s", got)
	}
	if got := ReconciliationPath("M948164", "2023-08-21", 9); !strings.HasSuffix(got, "_09.csv") {
		t.Errorf("path of session 9: %s", got)
	}
	from, to, ok := ReconciliationDay("2023-01-23")
	if !ok || !from.Equal(time.Date(2023, 1, 22, 21, 0, 0, 0, time.UTC)) || to.Sub(from) != 24*time.Hour {
		t.Errorf("day: %v %v %v", from, to, ok)
	}
	if ready := ReconciliationReady(to); !ready.Equal(time.Date(2023, 1, 23, 22, 0, 0, 0, time.UTC)) {
		t.Errorf("ready: %v", ready)
	}
	for _, date := range []string{"", "20230123", "2023-02-30", "2023-1-2", "2023-01-23x"} {
		if _, _, ok := ReconciliationDay(date); ok {
			t.Errorf("%q is taken for a date", date)
		}
	}
}
