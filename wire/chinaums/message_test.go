package chinaums

import (
	"strings"
	"testing"
)

// order is the example of ChinaUMS' documents: nested values take part as the
// JSON text that is sent.
var order = Message{
	"billDate": "2017-06-26", "billNo": "31940000201700002", "instMid": "QRPAYDEFAULT", "mid": TestMID, "msgSrc": TestMsgSrc,
	"goods":   `[{"body":"微信二维码测试","price":"1","goodsName":"微信二维码测试","goodsId":"1","quantity":"1","goodsCategory":"TEST"}]`,
	"msgType": "bills.getQRCode", "requestTimestamp": "2017-06-26 17:28:02", "tid": TestTID, "totalAmount": "1", "walletOption": "SINGLE",
}

// refunding is a refund that was recorded in public code.
var refunding = Message{
	"mid": TestMID, "tid": TestTID, "instMid": TestInstMID, "msgSrc": TestMsgSrc, "msgType": "refund", "requestTimestamp": "2019-03-16 04:15:25",
	"merOrderId": "319420180614150753183991", "refundOrderId": "3194201806141508441197500", "refundAmount": "1", "platformAmount": "0", "totalAmount": "1",
}

// Vectors that others computed.
func TestSignaturesOfKnownMessages(t *testing.T) {
	for _, test := range []struct {
		name     string
		message  Message
		signType string
		want     string
	}{
		{"an order, MD5", order, MD5, "57F81BAF8E3BAE1190B26D6C733038AF"},
		{"an order, SHA256", order, SHA256, "a9eced8dd8425d1fc4047cf94e672c69ed1073557ee831c51287341cfab0b21f"},
		{"a refund, and no word of the digest means MD5", refunding, "", strings.ToUpper("767b8e6910aebdbf9bb368ee6f523704")},
		{"an unknown digest means MD5", refunding, "SM3", strings.ToUpper("767b8e6910aebdbf9bb368ee6f523704")},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.message.Sign(test.signType, TestKey); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestWhatIsSigned(t *testing.T) {
	for _, test := range []struct {
		name    string
		message Message
		want    string
	}{
		{"capitals stand before small letters", Message{"b": "2", "a": "1", "B": "3"}, "B=3&a=1&b=2"},
		{"a field without a value is left out", Message{"a": "", "b": "2"}, "b=2"},
		{"the signature is left out and its type is not", Message{FieldSign: "00", FieldSignType: SHA256}, "signType=SHA256"},
		{"values stand as they are", Message{"a": "1 &=%20退"}, "a=1 &=%20退"},
		{"a message of nothing", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.message.Canonical(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
