package clients

import (
	"os/exec"
	"testing"
)

// python is Debian's, which has Debian's websockets; another one on the PATH may not.
const python = "/usr/bin/python3"

func TestPython(t *testing.T) {
	t.Parallel()
	pythonOrSkip(t)
	runScript(t, echoServer.get(t).url("/"), python, "python/exchanges.py", "")
}

// pythonOrSkip holds that Python's websockets is there.
func pythonOrSkip(t *testing.T) {
	t.Helper()
	if err := exec.Command(python, "-c", "import websockets").Run(); err != nil {
		missing(t, "Python's websockets is not installed")
	}
}
