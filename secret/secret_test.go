package secret

import (
	"bytes"
	"encoding/base64"
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

// A second key in the file is found by whoever has read the first alone, and once it
// is the only one, what the first sealed does not open any more.
func TestAMasterKeyIsReplacedInItsFile(t *testing.T) {
	dir := t.TempDir()
	before, err := Load("", dir, true)
	if err != nil {
		t.Fatal(err)
	}
	both, err := AddMaster(dir, "")
	if err != nil || len(both.IDs()) != 2 || both.ID() != before.ID() {
		t.Fatalf("%v, %v", both.IDs(), err)
	}
	next := both.IDs()[1]
	if again, err := AddMaster(dir, ""); err != nil || again.IDs()[1] != next {
		t.Errorf("once more: %v, %v", again.IDs(), err)
	}
	third := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, MasterBytes))
	if _, err := AddMaster(dir, third); !errors.Is(err, ErrOtherKey) {
		t.Errorf("a third: %v", err)
	}
	sealed, err := both.SealUnder(next, []byte("APIv3 key"), "identities", "sealed", "1")
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := before.Open(sealed, "identities", "sealed", "1"); err != nil || string(plain) != "APIv3 key" {
		t.Errorf("who has read the first alone opens %q, %v", plain, err)
	}
	if _, err := before.SealUnder(next, nil, "identities", "sealed", "1"); err != nil {
		t.Errorf("and seals: %v", err)
	}
	kept, err := DropMaster(dir, next)
	if err != nil || !strings.HasSuffix(kept, before.ID()) {
		t.Fatalf("kept %s, %v", kept, err)
	}
	after, err := Load("", dir, false)
	if err != nil || len(after.IDs()) != 1 || after.ID() != next {
		t.Fatalf("%v, %v", after.IDs(), err)
	}
	if _, err := after.Open(before.Seal([]byte("x"), "t", "c", "r"), "t", "c", "r"); !errors.Is(err, ErrOtherKey) {
		t.Errorf("what the first sealed: %v", err)
	}
	for name, text := range map[string]string{"the same key": third, "two keys": third + "," + third} {
		other := t.TempDir()
		if err := os.WriteFile(filepath.Join(other, masterFile), []byte(third), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := AddMaster(other, text); !errors.Is(err, ErrMasterKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTwoMasterKeysAreGivenTogether(t *testing.T) {
	one, two := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, MasterBytes)), base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{2}, MasterBytes))
	for text, want := range map[string]int{one: 1, one + "," + two: 2, " " + one + " ,\n" + two + "\n": 2, "": 0, one + "," + two + "," + one: 0, one + ",x": 0} {
		k, err := parse(text)
		if (err == nil) != (want > 0) || err == nil && len(k.IDs()) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The file is renamed into place before the folder is synced, and nobody is told of a
// new key, nor does the old one leave, before that.
func TestAMasterKeyIsNotUsedBeforeItsFolderIsSynced(t *testing.T) {
	dir := t.TempDir()
	sync, lost := syncFolder, errors.New("no power")
	defer func() { syncFolder = sync }()
	refuse := func(string) error { return lost }

	syncFolder = refuse
	if _, err := Load("", dir, true); !errors.Is(err, lost) {
		t.Errorf("a first key: %v", err)
	}
	syncFolder = sync
	before, err := Load("", dir, true)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds both keys in the file
		syncFolder = refuse
		if _, err := AddMaster(dir, ""); !errors.Is(err, lost) {
			t.Errorf("a second key: %v", err)
		}
	}
	syncFolder = sync
	both, err := AddMaster(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	syncFolder = refuse
	if _, err := DropMaster(dir, both.IDs()[1]); !errors.Is(err, lost) {
		t.Errorf("the old key leaves: %v", err)
	}
	if held, err := Load("", dir, false); err != nil || len(held.IDs()) != 2 || held.ID() != before.ID() {
		t.Errorf("the file has %v, %v before the old key's copy is safe; want both keys", held.IDs(), err)
	}
	text, synced := "", ""
	syncFolder = func(folder string) error {
		synced = folder
		held, err := os.ReadFile(filepath.Join(dir, masterFile))
		text = string(held)
		return err
	}
	if _, err := DropMaster(dir, both.IDs()[1]); err != nil || synced != dir || len(strings.Fields(text)) != 1 {
		t.Errorf("%s was synced while the file had %d keys, %v; want it after the rename", synced, len(strings.Fields(text)), err)
	}
}

func TestTheOrderOfTwoMasterKeysInTheFileIsFree(t *testing.T) {
	one, two := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, MasterBytes)), base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{2}, MasterBytes))
	for _, text := range []string{one + "\n" + two, two + "," + one} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, masterFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, named := range []string{"", one, two} {
			if k, err := AddMaster(dir, named); err != nil || len(k.IDs()) != 2 {
				t.Errorf("%q and %q: %v", text, named, err)
			}
		}
	}
}
