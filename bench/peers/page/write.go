package page

import (
	"io"
	"os"
	"path/filepath"
)

// Write writes plots into a folder, and what text returns between the markers of a name in the page
// into, or to out where into is "". text is told how the page refers to the folder.
func Write(into, name, folder string, plots map[string][]byte, text func(folder string) string, out io.Writer) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for plot, svg := range plots {
		if err := os.WriteFile(filepath.Join(folder, plot), svg, 0o644); err != nil {
			return err
		}
	}
	if into == "" {
		_, err := io.WriteString(out, text(filepath.ToSlash(folder)))
		return err
	}
	rel, err := relative(into, folder)
	if err != nil {
		return err
	}
	return insert(into, name, text(rel))
}
