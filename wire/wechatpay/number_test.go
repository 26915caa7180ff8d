package wechatpay

import "testing"

func TestARefundIDHas29DigitsAndIsMadeOfNameAndTime(t *testing.T) {
	made := MakeRefundID("re_0VbvvQ4eiDX2GdsDHlN8mAnE", 1795226707123)
	if len(made) != 29 || !isDigits(made) || made[:15] != "501795226707123" {
		t.Errorf("made %s", made)
	}
	if MakeRefundID("re_0VbvvQ4eiDX2GdsDHlN8mAnE", 1795226707123) != made {
		t.Error("the second time it is another one")
	}
	if MakeRefundID("re_0VbvvQ4eiDX2GdsDHlN8mAnF", 1795226707123) == made {
		t.Error("another refund of the same moment has the same one")
	}
	if got := MakeRefundID("", -1); len(got) != 29 {
		t.Errorf("made %s", got)
	}
}
