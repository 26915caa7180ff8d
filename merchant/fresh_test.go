package merchant_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/curve25519"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
)

var now = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

func fresh(t *testing.T, mode merchant.Mode, with ...string) merchant.Fresh {
	t.Helper()
	dialects, err := service.Dialects().Only(with...)
	if err != nil {
		t.Fatal(err)
	}
	f, err := merchant.NewFresh("shop", mode, dialects, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func flat(t *testing.T, f merchant.Fresh) map[string]string {
	t.Helper()
	var document map[string]json.RawMessage
	if err := json.Unmarshal(f.Document(), &document); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for section, text := range document {
		if section == "warnings" {
			out[section] = string(text)
			continue
		}
		var members map[string]string
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		for name, value := range members {
			out[section+"."+name] = value
		}
	}
	return out
}

func TestWhatAFreshMerchantGetsHasTheFormOfItsProtocol(t *testing.T) {
	d := flat(t, fresh(t, merchant.Test, service.Dialects().Names()...))
	for member, form := range map[string]string{
		"pingpp.app": `app_[0-9A-Za-z]{16}`, "pingpp.key": `sk_test_[0-9A-Za-z]{24}`, "native.key": `rk_test_[0-9A-Za-z]{24}`,
		"wallet.wallet_id": `wallet_[0-9A-Za-z]{16}`, "wallet.api_key": `sk_test_[0-9A-Za-z]{24}`,
		"payin.merchant_id": `M[0-9]{6}`, "payin.client_key": `AK[0-9A-Za-z]{30}`, "payin.secret": `[0-9A-Za-z]{64}`,
		"wechatpay.mchid": `19[0-9]{8}`, "wechatpay.sp_mchid": `19[0-9]{8}`, "wechatpay.sub_mchid": `19[0-9]{8}`,
		"wechatpay.apiv3_key": `[0-9A-Za-z]{32}`, "wechatpay.merchant_serial": `[0-9A-F]{40}`, "wechatpay.platform_serial": `[0-9A-F]{40}`,
		"wechatpay.platform_public_key_id": `PUB_KEY_ID_[0-9]{32}`, "sandbox.account": `sandbox_[0-9A-Za-z]{16}`,
	} {
		if !regexp.MustCompile("^" + form + "$").MatchString(d[member]) {
			t.Errorf("%s is %q, not %s", member, d[member], form)
		}
	}
}

func TestALiveMerchantHasNoSandbox(t *testing.T) {
	f := fresh(t, merchant.Live, merchant.PingPP)
	d := flat(t, f)
	if !strings.HasPrefix(d["pingpp.key"], "sk_live_") || !strings.HasPrefix(d["native.key"], "rk_live_") {
		t.Errorf("keys %q and %q", d["pingpp.key"], d["native.key"])
	}
	if len(f.Accounts) != 0 || d["sandbox.account"] != "" {
		t.Errorf("it has accounts: %v", f.Accounts)
	}
	if !strings.Contains(d["warnings"], "account add --merchant "+f.Merchant.ID) {
		t.Errorf("it is not told so: %s", d["warnings"])
	}
	if has := flat(t, fresh(t, merchant.Test, merchant.PingPP))["warnings"]; has != "" {
		t.Errorf("a merchant with a sandbox is warned of %s", has)
	}
	for _, key := range f.Keys {
		if key.Key.May(merchant.ScopeSandbox) || key.Key.Dialect == merchant.PingPP && key.Key.May(merchant.ScopeCharge) {
			t.Errorf("%s may %v", key.Key.Dialect, key.Key.Scopes)
		}
	}
}

func TestADialectThatIsNotAskedForIsLeftOut(t *testing.T) {
	f := fresh(t, merchant.Test, merchant.PingPP)
	if len(f.Identities) != 1 || len(f.Keys) != 2 || bytes.Contains(f.Document(), []byte("wechatpay")) {
		t.Errorf("made %s", f.Document())
	}
	if _, err := service.Dialects().Only("paypal"); err == nil {
		t.Error("a dialect that does not exist was taken")
	}
	if _, err := merchant.NewFresh("shop", "trial", nil, nil, now); err == nil {
		t.Error("a mode that does not exist was taken")
	}
}

func TestTheWalletsKeysArePairs(t *testing.T) {
	f := fresh(t, merchant.Test, merchant.Wallet)
	i, _ := f.Identity(merchant.Wallet)
	for secret, public := range map[string]string{
		i.Secrets[merchant.MerchantSecretKey]: i.Public[merchant.MerchantPublicKey],
		i.Secrets[merchant.PlatformSecretKey]: i.Public[merchant.PlatformPublicKey],
	} {
		raw, err := base64.StdEncoding.DecodeString(secret)
		if err != nil || len(raw) != 32 {
			t.Fatalf("secret key %q: %v", secret, err)
		}
		want, err := curve25519.X25519(raw, curve25519.Basepoint)
		if err != nil || base64.StdEncoding.EncodeToString(want) != public {
			t.Errorf("public key %q does not belong to its secret key (%v)", public, err)
		}
	}
}

func TestWeChatCertificatesBelongToTheirKeysAndSerials(t *testing.T) {
	f := fresh(t, merchant.Test, merchant.WeChatPay)
	i, _ := f.Identity(merchant.WeChatPay)
	for _, one := range []struct{ key, certificate, serial string }{
		{i.Secrets[merchant.MerchantKeyPEM], i.Public[merchant.MerchantCertPEM], i.Public[merchant.MerchantSerial]},
		{i.Secrets[merchant.PlatformKeyPEM], i.Public[merchant.PlatformCertPEM], i.Public[merchant.PlatformSerial]},
	} {
		key := privateKey(t, one.key)
		block, _ := pem.Decode([]byte(one.certificate))
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if key.N.BitLen() != 2048 || !key.PublicKey.Equal(certificate.PublicKey) {
			t.Error("the certificate is not the key's, or the key has not 2048 bits")
		}
		if got := fmt.Sprintf("%X", certificate.SerialNumber.Bytes()); got != one.serial {
			t.Errorf("serial %s, not %s", got, one.serial)
		}
		if now.Before(certificate.NotBefore) || !now.AddDate(4, 0, 0).Before(certificate.NotAfter) {
			t.Errorf("valid from %v to %v", certificate.NotBefore, certificate.NotAfter)
		}
	}
}

func privateKey(t *testing.T, text string) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.(*rsa.PrivateKey)
}

func TestPrivateKeysOfTheMerchantAloneAreNotKept(t *testing.T) {
	f := fresh(t, merchant.Test, merchant.Wallet, merchant.WeChatPay)
	for _, i := range f.Identities {
		kept := f.Kept(i)
		if kept.Secrets[merchant.MerchantKeyPEM] != "" || kept.Secrets[merchant.MerchantSecretKey] != "" {
			t.Errorf("%s keeps the merchant's private key", i.Dialect)
		}
		if kept.Secrets[merchant.PlatformKeyPEM] == "" && kept.Secrets[merchant.PlatformSecretKey] == "" {
			t.Errorf("%s does not keep the platform's", i.Dialect)
		}
	}
}

func TestTheDemoMerchantHasThePublishedNamesAndKeys(t *testing.T) {
	f, err := merchant.NewDemo(service.Dialects(), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	d := flat(t, f)
	for member, want := range map[string]string{
		"pingpp.app": "app_1Gqj58ynP0mHeX1q", "pingpp.key": "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC",
		"wallet.wallet_id": "wallet_demo", "wallet.api_key": "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC", "native.key": "rk_test_demo",
		"payin.merchant_id": "M948164", "payin.client_key": "AK000000000000000000000000000001", "payin.secret": "payin-test-secret",
		"wechatpay.mchid": "1900009191", "wechatpay.sp_mchid": "1900000100", "wechatpay.sub_mchid": "1900000109",
		"wechatpay.apiv3_key": "0123456789abcdef0123456789abcdef", "sandbox.account": "sandbox_demo",
	} {
		if d[member] != want {
			t.Errorf("%s is %q, not %q", member, d[member], want)
		}
	}
	settings := f.Merchant.Settings
	if !settings.Demo || settings.Wait(merchant.PingPP) != 5*time.Second || settings.Wait(merchant.Wallet) != 5*time.Second ||
		settings.Wait(merchant.WeChatPay) != 0 || settings.Wait(merchant.Native) != 0 {
		t.Errorf("settings %+v", settings)
	}
	for _, key := range f.Keys {
		if key.Key.Dialect == merchant.Native && !slices.Equal(key.Key.Scopes, merchant.Scopes()) {
			t.Errorf("the native key may only %v", key.Key.Scopes)
		}
	}
	if len(f.Files()) != 5 {
		t.Errorf("files %v", f.Files())
	}
}

func TestTheDemosFilesFollowThePlatformKey(t *testing.T) {
	f, err := merchant.NewDemo(service.Dialects(), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	key, err := merchant.NewRSAPlatformKey(merchant.PingPP, "", now)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.UsePlatformKey(key, now); err != nil {
		t.Fatal(err)
	}
	files := f.Files()
	if files["platform_key.pem"] != key.PrivatePEM || files["platform_pub.pem"] != key.PublicPEM {
		t.Error("the files hold another platform key")
	}
	block, _ := pem.Decode([]byte(files["platform_cert.pem"]))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !privateKey(t, key.PrivatePEM).PublicKey.Equal(certificate.PublicKey) {
		t.Errorf("the certificate is of another key (%v)", err)
	}
	if got := flat(t, f)["wechatpay.platform_serial"]; got != fmt.Sprintf("%X", certificate.SerialNumber) {
		t.Errorf("serial %s is not the certificate's", got)
	}
}

func TestAHintShowsTheEndsOfALongKeyAlone(t *testing.T) {
	for text, want := range map[string]string{
		"sk_test_ibbTe5jLGCi5rzfH4OqPW9KC": "sk_test_...W9KC", "rk_test_demo": "rk_test_...", "AK000000000000000000000000000001": "...0001", "": "...",
	} {
		if got := merchant.Hint(text); got != want {
			t.Errorf("hint of %q is %q, not %q", text, got, want)
		}
	}
}
