package chinaums

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

type vectors struct {
	Authorization struct {
		AppID, AppKey, Timestamp, Nonce, Body, Signature string
	}
	Answers map[string]json.RawMessage
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var raw struct {
		Authorization map[string]string          `json:"authorization"`
		Answers       map[string]json.RawMessage `json:"answers"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	a := raw.Authorization
	v.Authorization.AppID, v.Authorization.AppKey, v.Authorization.Timestamp = a["app_id"], a["app_key"], a["timestamp"]
	v.Authorization.Nonce, v.Authorization.Body, v.Authorization.Signature = a["nonce"], a["body"], a["signature"]
	v.Answers = raw.Answers
	return v
}

// The example that the platform hands out.
func TestTheOpenPlatformsExampleIsSigned(t *testing.T) {
	v := readVectors(t).Authorization
	got := Authorize(v.AppID, v.AppKey, v.Nonce, []byte(v.Body), time.Date(2017, 1, 1, 4, 0, 0, 0, time.UTC))
	if got.Signature != v.Signature || got.Timestamp != v.Timestamp {
		t.Errorf("got %+v", got)
	}
	want := `OPEN-BODY-SIG AppId="` + v.AppID + `", Timestamp="20170101120000", Nonce="` + v.Nonce + `", Signature="` + v.Signature + `"`
	if got.String() != want {
		t.Errorf("got %s", got)
	}
	if !got.Verify(v.AppKey, []byte("A")) || got.Verify(v.AppKey, []byte("B")) || got.Verify(v.AppKey+"x", []byte("A")) {
		t.Error("it verifies what it did not sign, or not what it did")
	}
}

func TestAnAuthorizationHeaderIsRead(t *testing.T) {
	want := Authorization{AppID: "a", Timestamp: "20170101120000", Nonce: "n", Signature: "s+/="}
	for _, header := range []string{want.String(), strings.ReplaceAll(want.String(), ", ", ","), `OPEN-BODY-SIG Signature="s+/=",  Nonce="n",AppId="a", Timestamp="20170101120000"`} {
		if got, err := ParseAuthorization(header); err != nil || got != want {
			t.Errorf("%s: %+v, %v", header, got, err)
		}
	}
	for name, header := range map[string]string{
		"nothing": "", "another scheme": strings.Replace(want.String(), "BODY", "FORM", 1), "a value missing": `OPEN-BODY-SIG AppId="a", Timestamp="1", Nonce="n"`,
		"a value twice": want.String() + `, AppId="b"`, "a value more": want.String() + `, Extra="b"`, "an empty value": `OPEN-BODY-SIG AppId="", Timestamp="1", Nonce="n", Signature="s"`,
		"a long value": strings.Replace(want.String(), `"n"`, `"`+strings.Repeat("n", 129)+`"`, 1), "no quotes": strings.ReplaceAll(want.String(), `"`, ""),
	} {
		if got, err := ParseAuthorization(header); !errors.Is(err, ErrAuthorization) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestANonceIsDrawn(t *testing.T) {
	got, err := NewNonce(bytes.NewReader(bytes.Repeat([]byte{0xA5}, 16)))
	if err != nil || got != strings.Repeat("a5", 16) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := NewNonce(bytes.NewReader(nil)); err == nil {
		t.Error("drawn from nothing")
	}
}

// FuzzAuthorization holds for any header: what is read is written the same, and is
// read again.
func FuzzAuthorization(f *testing.F) {
	f.Add(`OPEN-BODY-SIG AppId="a", Timestamp="20170101120000", Nonce="n", Signature="s"`)
	f.Add(`OPEN-BODY-SIG AppId="a",Timestamp="1",Nonce=",",Signature="s"`)
	f.Fuzz(func(t *testing.T, header string) {
		a, err := ParseAuthorization(header)
		if err != nil {
			return
		}
		again, err := ParseAuthorization(a.String())
		if err != nil || again != a {
			t.Errorf("%q: %+v, then %+v, %v", header, a, again, err)
		}
	})
}
