package secret

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestWhatIsSealedOpensOnlyInItsPlace(t *testing.T) {
	k, err := New(bytes.Repeat([]byte{7}, MasterBytes))
	if err != nil {
		t.Fatal(err)
	}
	sealed := k.Seal([]byte("APIv3 key"), "identities", "sealed", "wechatpay/1900009191")
	if strings.Contains(sealed, "APIv3") || !strings.HasPrefix(sealed, "v1."+k.ID()+".") {
		t.Errorf("sealed text is %q", sealed)
	}
	plain, err := k.Open(sealed, "identities", "sealed", "wechatpay/1900009191")
	if err != nil || string(plain) != "APIv3 key" {
		t.Errorf("opened %q, %v", plain, err)
	}
	if _, err := k.Open(sealed, "identities", "sealed", "wechatpay/1900000100"); !errors.Is(err, ErrBroken) {
		t.Errorf("another row gave %v, want ErrBroken", err)
	}
	other, err := New(bytes.Repeat([]byte{8}, MasterBytes))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(sealed, "identities", "sealed", "wechatpay/1900009191"); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key gave %v, want ErrOtherKey", err)
	}
	flipped := []byte(sealed)
	flipped[len(flipped)-1] ^= 1
	for _, damaged := range []string{"", "v1", "v1." + k.ID() + ".!", "v1." + k.ID() + ".AA", "v2" + sealed[2:], string(flipped[:len(flipped)-8])} {
		if _, err := k.Open(damaged, "identities", "sealed", "wechatpay/1900009191"); err == nil {
			t.Errorf("damaged text %q opened", damaged)
		}
	}
}

func TestReplicasThatStartAtOnceShareTheKeyFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ids := make([]string, 8)
	var all sync.WaitGroup
	for n := range ids {
		all.Go(func() {
			k, err := Load("", dir, true)
			if err != nil {
				t.Error(err)
				return
			}
			ids[n] = k.ID()
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("keys differ: %v", ids)
		}
	}
	info, err := os.Stat(filepath.Join(dir, masterFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file is %v, %v; want mode 0600", info, err)
	}
	if _, err := Load("c2hvcnQ=", dir, true); !errors.Is(err, ErrMasterKey) {
		t.Errorf("a short key gave %v", err)
	}
}

func TestAKeyIsMadeOnlyWhereOneMayBe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := Load("", dir, false); !errors.Is(err, ErrNoMasterKey) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was made")
	}
	made, err := Load("", dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Load("", dir, false); err != nil || again.ID() != made.ID() {
		t.Errorf("the key that is there: %v", err)
	}
}
