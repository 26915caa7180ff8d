package channelsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
)

const (
	// AccountFile is what clients are pointed at the simulator with.
	AccountFile = "sim.json"
	// keysFile holds what the simulator alone knows: the platforms' private keys.
	keysFile = "sim-keys.json"
)

// openAccounts makes the accounts that are not there yet, and writes sim.json with
// the addresses of this start.
func (s *Simulator) openAccounts(sides []Side) error {
	if err := os.MkdirAll(s.opts.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	shown, err := readAccounts(filepath.Join(s.opts.Data, AccountFile))
	if err != nil {
		return err
	}
	kept, err := readAccounts(filepath.Join(s.opts.Data, keysFile))
	if err != nil {
		return err
	}
	whole := map[string]any{"url": s.opts.URL}
	for _, side := range sides {
		name := side.Name()
		if shown[name] == nil || kept[name] == nil {
			if shown[name], kept[name], err = side.NewAccount(s.now()); err != nil {
				return fmt.Errorf("make the account of %s: %w", name, err)
			}
		}
		base := s.opts.URL + "/" + name
		maps.Copy(shown[name], side.Addresses(base))
		if err := side.Open(base, shown[name], kept[name]); err != nil {
			return fmt.Errorf("open the account of %s: %w (hint: remove %s to make new accounts)", name, err, s.opts.Data)
		}
		whole[name] = shown[name]
	}
	if err := writeFile(filepath.Join(s.opts.Data, keysFile), kept); err != nil {
		return err
	}
	return writeFile(filepath.Join(s.opts.Data, AccountFile), whole)
}

// ReadAccount reads a channel's part of a sim.json.
func ReadAccount(file, channel string) (map[string]string, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	accounts, err := readAccounts(file)
	if err != nil {
		return nil, err
	}
	if accounts[channel] == nil {
		return nil, fmt.Errorf("%s has no account of %s", file, channel)
	}
	return accounts[channel], nil
}

// readAccounts reads a file of accounts by channel; none where there is no file.
func readAccounts(file string) (map[string]map[string]string, error) {
	accounts := make(map[string]map[string]string)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return accounts, nil
	}
	if err != nil {
		return nil, err
	}
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	delete(whole, "url")
	for name, raw := range whole {
		var one map[string]string
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, fmt.Errorf("read %s: %s: %w", file, name, err)
		}
		accounts[name] = one
	}
	return accounts, nil
}

// writeFile writes a file that its owner alone may read, whole or not at all.
func writeFile(file string, content any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	next := file + ".new"
	if err := os.WriteFile(next, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, file)
}
