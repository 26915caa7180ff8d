package chinaums

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/wire/exactjson"
)

// The vectors that the contract has: one is the official example of the header, one is
// printed in its documents, one was recorded by somebody.
func TestSignaturesAreThoseOfTheContractsVectors(t *testing.T) {
	got := openSignature("12345678901234567890123456789012", "67890123456789012345678901234567", "20170101120000", "09876543210987654321098765432109", []byte("A"))
	if got != "GINsCTyNKTpEI9KXO16KqZJ64fOyAytEKl8aaR/Dy08=" {
		t.Errorf("header: %s", got)
	}
	const key = "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR"
	for name, test := range map[string]struct{ body, text, md5, sha256 string }{
		"printed": {
			`{"sign":"x","msgSrc":"WWW.TEST.COM","requestTimestamp":"2017-06-26 17:28:02","mid":"898340149000005","tid":"88880001","instMid":"QRPAYDEFAULT","msgType":"bills.getQRCode",
				"billNo":"31940000201700002","billDate":"2017-06-26","totalAmount":1,"walletOption":"SINGLE","billDesc":"","memberId":null,
				"goods":[{"body":"微信二维码测试","price":"1","goodsName":"微信二维码测试","goodsId":"1","quantity":"1","goodsCategory":"TEST"}]}`,
			`billDate=2017-06-26&billNo=31940000201700002&goods=[{"body":"微信二维码测试","price":"1","goodsName":"微信二维码测试","goodsId":"1","quantity":"1","goodsCategory":"TEST"}]` +
				`&instMid=QRPAYDEFAULT&mid=898340149000005&msgSrc=WWW.TEST.COM&msgType=bills.getQRCode&requestTimestamp=2017-06-26 17:28:02&tid=88880001&totalAmount=1&walletOption=SINGLE`,
			"57F81BAF8E3BAE1190B26D6C733038AF", "a9eced8dd8425d1fc4047cf94e672c69ed1073557ee831c51287341cfab0b21f",
		},
		"recorded": {
			`{"mid":"898340149000005","tid":"88880001","instMid":"YUEDANDEFAULT","msgSrc":"WWW.TEST.COM","msgType":"refund","requestTimestamp":"2019-03-16 04:15:25",
				"merOrderId":"319420180614150753183991","refundOrderId":"3194201806141508441197500","refundAmount":1,"platformAmount":0,"totalAmount":1}`,
			"", "767b8e6910aebdbf9bb368ee6f523704", "",
		},
	} {
		object, err := exactjson.Decode([]byte(test.body), exactjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		text := signedText(fieldsOf(object))
		if test.text != "" && text != test.text {
			t.Errorf("%s: signed text\n%s\nwant\n%s", name, text, test.text)
		}
		if got := legacySignature(text, key, ""); !strings.EqualFold(got, test.md5) {
			t.Errorf("%s: MD5 %s", name, got)
		}
		if got := legacySignature(text, key, signSHA256); test.sha256 != "" && got != test.sha256 {
			t.Errorf("%s: SHA256 %s", name, got)
		}
	}
}
