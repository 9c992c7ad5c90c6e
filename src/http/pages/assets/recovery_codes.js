// Copies or prints the page's recovery codes. Without scripts its buttons are hidden; the
// download still works.
const codes = [...document.querySelectorAll('[data-recovery-codes] code')].map((code) => code.textContent).join('\n');

function show(selector, act) {
  const button = document.querySelector(selector);
  if (!button) return;
  button.hidden = false;
  button.addEventListener('click', () => act(button));
}

// Browsers offer the clipboard to secure pages only.
if (navigator.clipboard)
  show('[data-copy-codes]', async (button) => {
    await navigator.clipboard.writeText(`${codes}\n`);
    button.textContent = button.dataset.done;
  });
show('[data-print-codes]', () => window.print());
