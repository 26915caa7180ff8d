package chinaums

import (
	"errors"
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestANotificationIsReadAndVerified(t *testing.T) {
	form := url.Values{"mid": {TestMID}, "billPayment": {`{"payDetail":"现金支付0.01元。"}`}, "empty": {""}, "k9": {"a+b &=%"}}
	m, err := ParseNotice([]byte(form.Encode()))
	want := Message{"mid": TestMID, "billPayment": `{"payDetail":"现金支付0.01元。"}`, "empty": "", "k9": "a+b &=%"}
	if diff := cmp.Diff(want, m); diff != "" || err != nil {
		t.Fatalf("%v\n%s", err, diff)
	}
	for name, test := range map[string]struct {
		signType string
		without  bool // signType is not signed
		ok       bool
	}{
		"MD5, which is not named":             {"", false, true},
		"MD5":                                 {MD5, false, true},
		"MD5, and signType is not signed":     {MD5, true, true},
		"SHA256":                              {SHA256, false, true},
		"SHA256, and signType is not signed":  {SHA256, true, true},
		"a digest that there is not":          {"SM3", false, false},
		"an unknown digest that is left out":  {"SM3", true, false},
		"a digest's name in small letters":    {"sha256", false, false},
		"small letters, and it is left out":   {"sha256", true, false},
		"a name with a blank behind it":       {"MD5 ", false, false},
		"a name with a blank that is left on": {"MD5 ", true, false},
	} {
		signed := maps.Clone(m)
		if test.signType != "" {
			signed[FieldSignType] = test.signType
		}
		over := maps.Clone(signed)
		if test.without {
			delete(over, FieldSignType)
		}
		for _, hex := range []string{strings.ToLower(over.Sign(test.signType, TestKey)), strings.ToUpper(over.Sign(test.signType, TestKey))} {
			signed[FieldSign] = hex
			if err := signed.Verify(TestKey); (err == nil) != test.ok || err != nil && !errors.Is(err, ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
			for _, key := range []string{"", TestKey + "x"} {
				if signed.Verify(key) == nil {
					t.Errorf("%s: verified by the key %q", name, key)
				}
			}
		}
	}
	unsigned := maps.Clone(m)
	unsigned[FieldSign] = unsigned.Sign(MD5, "")
	if unsigned.Verify("") == nil || m.Verify(TestKey) == nil {
		t.Error("no key, or no signature, verifies")
	}
}

func TestAFormThatTwoReadersReadDifferentlyIsNone(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": "", "a field twice": "a=1&a=1", "a broken escape": "a=%2", "a semicolon": "a=1;b=2", "too many fields": manyFields(201),
	} {
		if m, err := ParseNotice([]byte(body)); !errors.Is(err, ErrNotice) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	if _, err := ParseNotice([]byte(manyFields(200))); err != nil {
		t.Error(err)
	}
}

func manyFields(n int) string {
	form := url.Values{}
	for i := range n {
		form.Set("f"+strings.Repeat("x", i), "1")
	}
	return form.Encode()
}

// FuzzNotice holds for any form: what verifies is signed by the key, and no change
// of a value that counts verifies too.
func FuzzNotice(f *testing.F) {
	f.Add("mid=1&refundOrderId=R1&k=v", "SHA256")
	f.Add("mid=1&signType=MD5&empty=", "")
	f.Fuzz(func(t *testing.T, body, signType string) {
		m, err := ParseNotice([]byte(body))
		if err != nil {
			return
		}
		if signType != "" {
			m[FieldSignType] = signType
		}
		m[FieldSign] = m.Sign(m[FieldSignType], TestKey)
		known := m[FieldSignType] == "" || m[FieldSignType] == MD5 || m[FieldSignType] == SHA256
		if err := m.Verify(TestKey); (err == nil) != known {
			t.Errorf("%v: %v", m, err)
		}
		for name := range m {
			changed := maps.Clone(m)
			changed[name] += "x"
			if changed.Verify(TestKey) == nil {
				t.Errorf("%v: verifies with another %s", m, name)
			}
		}
	})
}
