package secret

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// AddMaster puts a master key in base64, "" for a new one, behind the one in
// dir/master.key, unless there are two already. It returns the keyring of both, in
// the file's order, once a power cut can't take the new one. Whoever has read the file
// before reads it again.
func AddMaster(dir, text string) (*Keyring, error) {
	name := filepath.Join(dir, masterFile)
	held, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	}
	k, err := parse(string(held))
	if err != nil {
		return nil, err
	}
	if text == "" && len(k.keys) < maxMasters {
		master := make([]byte, MasterBytes)
		_, _ = rand.Read(master) // documented never to fail
		text = base64.StdEncoding.EncodeToString(master)
	}
	if text != "" {
		added, err := parse(text)
		switch {
		case err != nil:
			return nil, err
		case len(added.keys) > 1 || len(k.keys) < maxMasters && added.ID() == k.ID():
			return nil, fmt.Errorf("%w: the new master key is not one other key", ErrMasterKey)
		case len(k.keys) == maxMasters && !slices.Contains(k.IDs(), added.ID()):
			return nil, fmt.Errorf("%w: %s has two keys already, %s", ErrOtherKey, name, strings.Join(k.IDs(), " and "))
		case len(k.keys) < maxMasters:
			if err := replace(name, strings.TrimSpace(string(held))+"\n"+strings.TrimSpace(text)+"\n"); err != nil {
				return nil, err
			}
		}
	}
	// The keys that are there may be from a call that was cut off before this.
	if err := syncFolder(dir); err != nil {
		return nil, err
	}
	return Load("", dir, false)
}

// DropMaster leaves only the key with an id in dir/master.key, and the other in
// dir/master.key.<its id>: backups from before need it.
func DropMaster(dir, id string) (kept string, err error) {
	name := filepath.Join(dir, masterFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read master key: %w", err)
	}
	left := ""
	for _, word := range strings.Fields(string(text)) {
		k, err := parse(word)
		switch {
		case err != nil:
			return "", err
		case k.ID() == id:
			left = word + "\n"
		default:
			kept = name + "." + k.ID()
			if err := replace(kept, word+"\n"); err != nil {
				return "", err
			}
		}
	}
	if left == "" {
		return "", fmt.Errorf("%w: %s has no key %s", ErrNoMasterKey, name, id)
	}
	return kept, replace(name, left)
}

// replace puts a file with a text into place in one step. When it returns, a power cut
// does not bring back what was there.
func replace(name, text string) error {
	made, err := os.CreateTemp(filepath.Dir(name), masterFile+".*")
	if err != nil {
		return fmt.Errorf("write master key: %w", err)
	}
	defer func() { _ = os.Remove(made.Name()) }() // gone, if it was renamed
	_, err = made.WriteString(text)
	if err = errors.Join(err, made.Sync(), made.Close()); err != nil {
		return fmt.Errorf("write master key: %w", err)
	}
	if err := os.Rename(made.Name(), name); err != nil {
		return fmt.Errorf("put master key in place: %w", err)
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder makes the names in a folder last: a synced file that was renamed or linked
// a moment ago may else be gone after a power cut, while a database on another machine
// has values sealed under its key. Tests replace it.
var syncFolder = func(dir string) error {
	folder, err := os.Open(dir)
	if err == nil {
		err = errors.Join(folder.Sync(), folder.Close())
	}
	return wrap(err, "write master key's folder")
}
