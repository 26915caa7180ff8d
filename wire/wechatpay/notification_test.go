package wechatpay

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/exactjson"
)

func exampleNotice(t testing.TB) Notice {
	t.Helper()
	refund, err := DecodeRefund(decode(t, string(read(t, "refund.json"))))
	if err != nil {
		t.Fatal(err)
	}
	notice := NewNotice(refund)
	notice.MchID = "1900009191"
	return notice
}

func TestANoticeHasItsOwnMembers(t *testing.T) {
	notice := exampleNotice(t)
	const tail = `"transaction_id":"1217752501201407033233368018","out_trade_no":"T1217752501201407033233368018","refund_id":"50000000382019052709732678859",` +
		`"out_refund_no":"1217752501201407033233368018","refund_status":"SUCCESS","success_time":"2015-05-20T13:29:35+08:00","user_received_account":"招商银行信用卡0403",` +
		`"amount":{"total":1000,"refund":500,"payer_total":800,"payer_refund":400}}`
	if diff := cmp.Diff(`{"mchid":"1900009191",`+tail, marshal(t, notice)); diff != "" {
		t.Errorf("direct (-want +got)\n%s", diff)
	}
	notice.MchID, notice.SpMchID, notice.SubMchID = "", "1900000100", "1900000109"
	if diff := cmp.Diff(`{"sp_mchid":"1900000100","sub_mchid":"1900000109",`+tail, marshal(t, notice)); diff != "" {
		t.Errorf("partner (-want +got)\n%s", diff)
	}
	refund := Refund{Status: StatusClosed, SuccessTime: notice.SuccessTime}
	if NewNotice(refund).SuccessTime != nil {
		t.Error("a refund that was closed has a time of success")
	}
}

func TestNotificationsGoThereAndBack(t *testing.T) {
	at := time.Date(2018, 2, 25, 3, 22, 33, 0, time.UTC)
	for status, want := range map[string][2]string{
		StatusSuccess: {"REFUND.SUCCESS", "退款成功"}, StatusAbnormal: {"REFUND.ABNORMAL", "退款异常"}, StatusClosed: {"REFUND.CLOSED", "退款关闭"},
	} {
		notice := exampleNotice(t)
		if notice.RefundStatus = status; status != StatusSuccess {
			notice.SuccessTime = nil
		}
		sealed, err := SealNotice(notice, NotificationID(at, 20873), at, testAPIv3Key, "fdasflihfnse")
		if err != nil {
			t.Fatal(err)
		}
		written := marshal(t, sealed)
		if head := `{"id":"EV-2018022511223320873","create_time":"2018-02-25T11:22:33+08:00","event_type":"` + want[0] + `","summary":"` + want[1] +
			`","resource_type":"encrypt-resource","resource":{"original_type":"refund","algorithm":"AEAD_AES_256_GCM","ciphertext":"`; !strings.HasPrefix(written, head) {
			t.Errorf("%s: %s", status, written)
		}
		if !strings.HasSuffix(written, `","associated_data":"refund","nonce":"fdasflihfnse"}}`) {
			t.Errorf("%s: %s", status, written)
		}
		_, opened, err := OpenNotification(decode(t, written), testAPIv3Key)
		if diff := cmp.Diff(notice, opened, compareTimes); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", status, err, diff)
		}
		if kind, ok := EventType(status); !ok || kind != want[0] {
			t.Errorf("%s: %s", status, kind)
		}
	}
	if _, ok := EventType(StatusProcessing); ok {
		t.Error("somebody is told of a refund that is processing")
	}
	if _, err := SealNotice(Notice{RefundStatus: StatusProcessing}, "EV", at, testAPIv3Key, "fdasflihfnse"); !errors.Is(err, ErrSealed) {
		t.Errorf("processing: %v", err)
	}
	if _, err := SealNotice(exampleNotice(t), "EV", at, "short", "fdasflihfnse"); !errors.Is(err, ErrAPIv3Key) {
		t.Errorf("a short key: %v", err)
	}
}

// notification wraps the resource that a Node client sealed.
func notification(event, data, ciphertext string) string {
	return `{"id":"EV-1","create_time":"2018-02-25T11:22:33+08:00","event_type":"` + event + `","summary":"s","resource_type":"encrypt-resource",` +
		`"resource":{"original_type":"refund","algorithm":"AEAD_AES_256_GCM","ciphertext":"` + ciphertext + `",` + data + `"nonce":"fdasflihfnse"}}`
}

func TestNotificationsOfOthers(t *testing.T) {
	vectors := readJSON[[]struct{ Ciphertext string }](t, "sealed.json")
	for name, body := range map[string]string{
		"with refund as associated data": notification("REFUND.SUCCESS", `"associated_data":"refund",`, vectors[0].Ciphertext),
		"with empty associated data":     notification("REFUND.SUCCESS", `"associated_data":"",`, vectors[1].Ciphertext),
		"without associated data":        notification("REFUND.SUCCESS", ``, vectors[1].Ciphertext),
	} {
		n, notice, err := OpenNotification(decode(t, body), testAPIv3Key)
		if err != nil || n.ID != "EV-1" || notice.OutRefundNo != "R1" || notice.Amount.Refund != 999 || notice.UserReceivedAccount != "招商银行信用卡0403" {
			t.Errorf("%s: %+v, %v", name, notice, err)
		}
	}
}

func TestNotificationsThatAreNotBelieved(t *testing.T) {
	vectors := readJSON[[]struct{ Ciphertext string }](t, "sealed.json")
	seal := func(plaintext string) string {
		sealed, err := Seal(testAPIv3Key, "fdasflihfnse", "refund", []byte(plaintext))
		if err != nil {
			t.Fatal(err)
		}
		return notification("REFUND.SUCCESS", `"associated_data":"refund",`, sealed.Ciphertext)
	}
	good := notification("REFUND.SUCCESS", `"associated_data":"refund",`, vectors[0].Ciphertext)
	tests := []struct {
		name, body string
		want       error
	}{
		{"no object", `[]`, ErrAnswer},
		{"no number", strings.Replace(good, `"id"`, `"x"`, 1), ErrAnswer},
		{"no resource", strings.Replace(good, `"resource"`, `"x"`, 1), ErrAnswer},
		{"an event that contradicts what is sealed", strings.Replace(good, "REFUND.SUCCESS", "REFUND.CLOSED", 1), ErrAnswer},
		{"an event of another kind", strings.Replace(good, "REFUND.SUCCESS", "TRANSACTION.SUCCESS", 1), ErrAnswer},
		{"other associated data", strings.Replace(good, `"associated_data":"refund"`, `"associated_data":"x"`, 1), ErrSealed},
		{"no JSON inside", seal("x"), ErrAnswer},
		{"two readings inside", seal(`{"refund_status":"SUCCESS","refund_status":"CLOSED"}`), ErrAnswer},
		{"an amount in quotes inside", seal(`{"transaction_id":"1","out_trade_no":"1","refund_id":"1","out_refund_no":"1","refund_status":"SUCCESS","amount":{"total":"1","refund":1,"payer_total":1,"payer_refund":1}}`), ErrAnswer},
		{"no refund number inside", seal(`{"transaction_id":"1","out_trade_no":"1","refund_id":"1","refund_status":"SUCCESS","amount":{"total":1,"refund":1,"payer_total":1,"payer_refund":1}}`), ErrAnswer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, _, err := OpenNotification(decode(t, test.body), testAPIv3Key); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestNotificationsAreSentAgainForADay(t *testing.T) {
	var sum time.Duration
	for _, delay := range NotificationRetryDelays() {
		sum += delay
	}
	if sum != 24*time.Hour+4*time.Minute {
		t.Errorf("%v in all", sum)
	}
	for status, want := range map[int]bool{200: true, 204: true, 201: false, 302: false, 400: false, 500: false} {
		if Taken(status) != want {
			t.Errorf("%d: taken is %v", status, !want)
		}
	}
}

func FuzzOpenNotification(f *testing.F) {
	vectors := readJSON[[]struct{ Ciphertext string }](f, "sealed.json")
	f.Add([]byte(notification("REFUND.SUCCESS", `"associated_data":"refund",`, vectors[0].Ciphertext)), []byte(`{"refund_status":"SUCCESS"}`))
	f.Add([]byte(`{}`), []byte(marshal(f, exampleNotice(f))))
	f.Fuzz(func(t *testing.T, data, inner []byte) {
		if body, err := exactjson.Decode(data, exactjson.Limits{}); err == nil {
			if _, notice, err := OpenNotification(body, testAPIv3Key); err == nil && notice.OutRefundNo != "R1" {
				t.Fatalf("forged: %+v", notice)
			}
		}
		if body, err := exactjson.Decode(inner, exactjson.Limits{}); err == nil {
			if notice, err := decodeNotice(body); err == nil && (notice.Amount.Refund < 1 || notice.OutRefundNo == "") {
				t.Fatalf("taken: %+v", notice)
			}
		}
	})
}
