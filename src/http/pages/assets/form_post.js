// Submits the response to the app when the page has loaded; without scripts the button does.
document.getElementById('answer').submit();
